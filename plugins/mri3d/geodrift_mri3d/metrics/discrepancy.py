r"""Kernel distances between two sets of volumes: the squared maximum mean discrepancy (MMD).

.. math:: \mathrm{MMD}^2 = \operatorname{mean}_{i \ne j} k(x_i, x_j) + \operatorname{mean}_{i \ne j} k(y_i, y_j)
   - 2 \operatorname{mean}_{i, j} k(x_i, y_j)

is unbiased: for two sets of one law it is zero on average, and negative half of the time. With the diagonals in the
means (`biased`) it is positive, by an amount that depends on the sizes of the sets alone: of two such figures at equal
sizes, generated against real and real against real, the ratio says how many times further generated volumes are.

*KID* is this with the cubic kernel :math:`(x \cdot y / d + 1)^3` on features; the *Gaussian* kernel, on coarse volumes,
is averaged over bandwidths of ½, 1 and 2 median distances between real volumes. The test exchanges volumes of both
sets at random.

References:
    | Demystifying MMD GANs (Bińkowski et al., 2018), https://arxiv.org/abs/1801.01401
    | A Kernel Two-Sample Test (Gretton et al., 2012)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

Floats = NDArray[np.float64]

_BANDWIDTHS = (0.5, 1.0, 2.0)


def cubic(x: Floats, y: Floats) -> Floats:
    """The kernel of KID on features `(n, d)`, `(m, d)`."""
    kernel: Floats = (x @ y.T / x.shape[1] + 1) ** 3
    return kernel


def gaussian(real: Floats) -> tuple[float, ...]:
    """Bandwidths for the Gaussian kernel: parts and multiples of the median distance of real rows `(m, P)`."""
    away = cdist(real, real)
    median = float(np.median(away[np.triu_indices(len(real), 1)])) or 1.0
    return tuple(scale * median for scale in _BANDWIDTHS)


def mixed(x: Floats, y: Floats, bandwidths: tuple[float, ...]) -> Floats:
    """The mean of Gaussian kernels, `(n, m)`."""
    square = cdist(x, y, "sqeuclidean")
    kernel: Floats = np.mean([np.exp(-square / (2 * width**2)) for width in bandwidths], 0)
    return kernel


@dataclass(frozen=True, eq=False)
class Discrepancy:
    """The kernel matrices of two sets: within the first, within the second, between them."""

    xx: Floats
    yy: Floats
    xy: Floats

    @property
    def unbiased(self) -> float:
        """The unbiased squared distance."""
        return _off(self.xx) + _off(self.yy) - 2 * float(self.xy.mean())

    @property
    def biased(self) -> float:
        """The squared distance between the sets themselves, never negative."""
        return float(self.xx.mean() + self.yy.mean() - 2 * self.xy.mean())

    def resampled(self, weights: Floats) -> Floats:
        """Biased distances `(R,)` for weights `(R, n)` of the first set, each row of unit sum."""
        within = np.einsum("ri,ij,rj->r", weights, self.xx, weights)
        found: Floats = within + self.yy.mean() - 2 * weights @ self.xy.mean(1)
        return found

    def p_value(self, permutations: int, rng: np.random.Generator) -> float:
        """The probability of a distance as large when the sets are exchangeable."""
        n, m = self.xy.shape
        kernel = np.block([[self.xx, self.xy], [self.xy.T, self.yy]])
        start = np.concatenate([np.full(n, 1 / n), np.full(m, -1 / m)])
        signs = rng.permuted(np.tile(start, (permutations, 1)), axis=1)
        found = np.einsum("ri,ri->r", signs @ kernel, signs)
        return float((1 + (found >= self.biased - 1e-12).sum()) / (1 + permutations))


def _off(kernel: Floats) -> float:
    n = len(kernel)
    return float((kernel.sum() - np.trace(kernel)) / (n * (n - 1)))
