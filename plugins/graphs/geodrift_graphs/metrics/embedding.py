r"""Sparse vectors of samples, their means, and the MMD with a linear kernel.

.. math:: \mathrm{MMD}^2 = \| \mathbb{E} \phi(x) - \mathbb{E} \phi(y) \|^2

costs :math:`O(n)`, not a matrix of all pairs, and one sample has the influence
:math:`2 \phi(x) \cdot (\mathbb{E} \phi(x) - \mathbb{E} \phi(y))`, up to a constant. A component is
named by a hash of 64 bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geodrift_graphs.metrics.hashing import Hashes

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Features:
    """Sparse vectors, one for each sample.

    Arguments:
        sample: The sample that each entry belongs to, `(M,)`, ascending.
        feature: The feature's hash, `(M,)`.
        value: Its value, `(M,)`.
        n: The number of samples.
    """

    sample: NDArray[np.int64]
    feature: Hashes
    value: Floats
    n: int

    def mean(self) -> Mean:
        """The mean vector."""
        feature, entry = np.unique(self.feature, return_inverse=True)
        return Mean(feature, np.bincount(entry, self.value, len(feature)) / self.n)


@dataclass(frozen=True)
class Mean:
    """One sparse vector: hashes in ascending order, `(F,)`, and values, `(F,)`."""

    feature: Hashes
    value: Floats

    def at(self, feature: Hashes) -> Floats:
        """The values of these features, zero where the vector has none."""
        if len(self.feature) == 0:
            return np.zeros(len(feature))
        place = np.searchsorted(self.feature, feature).clip(max=len(self.feature) - 1)
        values: Floats = np.where(self.feature[place] == feature, self.value[place], 0.0)
        return values


def join(parts: Sequence[Features]) -> Features:
    """The features of consecutive batches as those of one."""
    starts = np.cumsum([0, *(part.n for part in parts)])
    if not parts:
        return Features(np.zeros(0, np.int64), np.zeros(0, np.uint64), np.zeros(0), 0)
    sample = np.concatenate([part.sample + start for part, start in zip(parts, starts, strict=False)])
    feature, value = np.concatenate([part.feature for part in parts]), np.concatenate([part.value for part in parts])
    return Features(sample, feature, value, int(starts[-1]))


def mmd(x: Mean, y: Mean) -> float:
    """The squared MMD of two sets from their mean vectors."""
    met = y.at(x.feature)
    return float(((x.value - met) ** 2).sum() + (y.value**2).sum() - (met**2).sum())


def influence(x: Features, y: Mean) -> Floats:
    """The influence `(n,)` of each sample on the squared MMD to `y`."""
    feature, entry = np.unique(x.feature, return_inverse=True)
    gap = np.bincount(entry, x.value, len(feature)) / x.n - y.at(feature)
    return np.bincount(x.sample, 2 * x.value * gap[entry], x.n).astype(np.float64)
