r"""The Fréchet distance of features, taken as Gaussians.

.. math:: \mathrm{FID} = \|\mu - m\|^2 + \operatorname{tr}(\Sigma + S) - 2 \operatorname{tr} (A \Sigma A)^{1/2},
   \qquad A = S^{1/2},

by symmetric eigenvalues. It is biased upward by the covariances that it estimates: compare it at equal `n` only.

References:
    | GANs Trained by a Two Time-Scale Update Rule (Heusel et al., 2017), https://arxiv.org/abs/1706.08500
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def frechet(x: Floats, y: Floats) -> float:
    """The distance between the rows of `x`, `(n, d)`, and `y`, `(m, d)`."""
    one, other = (np.atleast_2d(np.cov(part, rowvar=False)) for part in (x, y))
    values, vectors = np.linalg.eigh(other)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    common = np.sqrt(np.linalg.eigvalsh(root @ one @ root).clip(0)).sum()
    away = x.mean(0) - y.mean(0)
    return float(away @ away + np.trace(one) + np.trace(other) - 2 * common)
