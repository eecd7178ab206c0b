r"""Which of several predictions of one crystal to believe: the one that the others agree with.

With the distance :math:`d` of two structures under the matcher of structure prediction, and the largest distance,
:math:`d = 1/2`, where they do not match, the choice among :math:`k` drafts is their medoid,

.. math:: \arg\min_i \sum_j d(x_i, x_j),

the best single answer to a question whose error is :math:`d` itself, as in minimum Bayes risk decoding. Drafts that are
structures known already are passed over, for who asks for another form of a compound says which ones there are, and so
are, before all others, those with atoms on top of each other.

References:
    | Minimum Bayes-Risk Decoding for Statistical Machine Translation (Kumar & Byrne, 2004),
      https://aclanthology.org/N04-1022
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, combinations

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure

from geodrift_crystals.metrics.matching import PREDICTION, distances
from geodrift_crystals.metrics.sameness import known as _known
from geodrift_crystals.metrics.validity import structurally_valid

APART = 0.5
MANY = 20_000
"""Pairs of drafts from which on several processes compare them."""


def choose(groups: Sequence[Sequence[Structure]], known: Sequence[Structure] = ()) -> list[int]:
    """The place of the best draft in each group.

    Arguments:
        groups: Drafts of one crystal each.
        known: Structures to pass over where another draft is left.
    """
    pairs = [list(combinations(range(len(group)), 2)) for group in groups]
    ends = [[group[pair[end]] for group, part in zip(groups, pairs, strict=True) for pair in part] for end in (0, 1)]
    jobs = -1 if len(ends[0]) >= MANY else 1
    apart = np.nan_to_num(distances(ends[0], ends[1], PREDICTION, jobs), nan=APART)
    sums = [_sums(len(group), part) for group, part in zip(groups, np.split(apart, _ends(pairs)), strict=True)]
    drafts = list(chain(*groups))
    faults = 2 * ~np.array([structurally_valid(draft) for draft in drafts], bool) + _known(drafts, known, jobs)
    parts = np.split(faults, _ends(groups))
    return [int(np.lexsort((total, part))[0]) for total, part in zip(sums, parts, strict=True)]


def _ends(parts: Sequence[Sequence[object]]) -> NDArray[np.int64]:
    return np.cumsum([len(part) for part in parts])[:-1]


def _sums(count: int, apart: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum of the distances of each draft from the others, of those of the pairs."""
    matrix = np.zeros((count, count))
    matrix[np.triu_indices(count, 1)] = apart
    total: NDArray[np.float64] = matrix.sum(0) + matrix.sum(1)
    return total
