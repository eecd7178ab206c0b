r"""The ideal cubic perovskite, and which elements sit where.

A at the centre, B at the corner, X at the three middles of the edges. In a training set of perovskites, displaced or
not, each structure is laid over the ideal one (the atom that is taken for B, and an assignment of the others, with the
least squared displacement on the torus). Counting those that are displaced by less than a tenth of the edge gives
:math:`p(\text{role} \mid \text{element})`, with one pseudo-count a role. A composition of five atoms has 20
decorations, ordered by the sum of the logarithms of its atoms.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure
from scipy.optimize import linear_sum_assignment

Floats = NDArray[np.float64]

SITES = np.array([[0.5, 0.5, 0.5], [0, 0, 0], [0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]])
ROLES = "ABXXX"
_SHARE = 0.9  # of a training set that must be cubic with five sites
_CUBIC = 0.02  # relative difference of lengths, and cosine of angles, of a cell that is
_DISPLACED = 0.1  # root mean square, over the edge: beyond, roles are not clear


@dataclass(frozen=True)
class Roles:
    """How often each element was seen in each role, by `(element, role)`."""

    counts: Counter[tuple[str, str]]

    @classmethod
    def fit(cls, structures: Sequence[Structure]) -> Roles | None:
        """The roles in a training set; None when most of it are no cubic cells of five sites."""
        cubic = [structure for structure in structures if _is_cubic(structure)]
        if not structures or len(cubic) < _SHARE * len(structures):
            return None
        return cls(Counter(pair for structure in cubic for pair in _roles(structure)))

    def decorations(self, symbols: Sequence[str]) -> list[list[str]]:
        """The decorations of `SITES` with five symbols, the likeliest first; those of equal elements once."""
        found = {
            (symbols[a], symbols[b], *sorted(symbols[i] for i in range(len(ROLES)) if i not in (a, b)))
            for a, b in itertools.permutations(range(len(ROLES)), 2)
        }
        return [list(names) for names in sorted(found, key=lambda names: (-self._likelihood(names), names))]

    def _likelihood(self, names: Sequence[str]) -> float:
        return sum(self._log_share(symbol, role) for symbol, role in zip(names, ROLES, strict=True))

    def _log_share(self, symbol: str, role: str) -> float:
        seen = {other: self.counts[symbol, other] + 1 for other in "ABX"}
        return float(np.log(seen[role] / sum(seen.values())))


def _is_cubic(structure: Structure) -> bool:
    if len(structure) != len(SITES):
        return False
    lengths, cosines = np.array(structure.lattice.abc), np.cos(np.radians(structure.lattice.angles))
    return bool(np.ptp(lengths) <= _CUBIC * lengths.mean() and np.abs(cosines).max() <= _CUBIC)


def _roles(structure: Structure) -> list[tuple[str, str]]:
    """The role of each element, by the best fit of the ideal sites; none where that is poor."""
    fits = [_fit(structure.frac_coords - corner) for corner in structure.frac_coords]
    squared, places = min(fits, key=lambda fit: fit[0])
    if squared > len(SITES) * _DISPLACED**2:
        return []
    symbols = [element.symbol for element in structure.species]
    return [(symbols[atom], ROLES[place]) for atom, place in enumerate(places)]


def _fit(coordinates: Floats) -> tuple[float, list[int]]:
    """Squared displacement from the ideal sites, up to a common drift, and the site of each atom."""
    step = coordinates[:, None] - SITES
    step = step - np.round(step)
    _, places = linear_sum_assignment((step**2).sum(-1))
    moved = step[np.arange(len(SITES)), places]
    return float(((moved - moved.mean(0)) ** 2).sum()), [int(place) for place in places]
