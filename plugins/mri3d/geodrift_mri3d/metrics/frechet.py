r"""The Fréchet distance of features, taken as Gaussians.

.. math:: \mathrm{FID} = \|\mu - m\|^2 + \operatorname{tr}(\Sigma + S) - 2 \operatorname{tr} (A \Sigma A)^{1/2},
   \qquad A = S^{1/2}.

With :math:`\Sigma = X^T X` and :math:`S = Y^T Y` the last trace is the sum of the singular values of :math:`X Y^T`,
which are those of :math:`R Q^T` for the triangular factors of `X` and `Y`: no matrix has more rows than there are
volumes or features. It is biased upward by the covariances that it estimates: compare it at equal `n` only.

References:
    | GANs Trained by a Two Time-Scale Update Rule (Heusel et al., 2017), https://arxiv.org/abs/1706.08500
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def frechet(x: Floats, y: Floats) -> float:
    """The distance between the rows of `x`, `(n, d)`, and `y`, `(m, d)`."""
    one, other = _factor(x), _factor(y)
    common = np.linalg.norm(one @ other.T, "nuc")
    away = x.mean(0) - y.mean(0)
    return float(away @ away + np.square(one).sum() + np.square(other).sum() - 2 * common)


def _factor(x: Floats) -> Floats:
    """The triangular factor `R` of centred rows: their covariance is `R^T R`."""
    return np.asarray(np.linalg.qr((x - x.mean(0)) / np.sqrt(len(x) - 1), mode="r"))
