r"""Symmetric positive definite matrices with the log-Cholesky metric: covariances, lattices up to rotations.

With :math:`P = L L^\top`, :math:`L` lower triangular with a positive diagonal, the chart

.. math:: \varphi(P) = \lfloor L \rfloor + \log \operatorname{diag} L

onto lower triangular matrices is an isometry to a vector space. Tangents are written in it: they are lower triangular
matrices, the same at all points, :math:`\exp_P(v) = \varphi^{-1}(\varphi(P) + v)` and
:math:`\log_P(Q) = \varphi(Q) - \varphi(P)`. So parallel transport is the identity, tangents at different points add,
and every Runge–Kutta method keeps its order. No eigenvalues are needed to move, and equal ones are no special case.

References:
    | Riemannian Geometry of Symmetric Positive Definite Matrices via Cholesky Decomposition (Lin, 2019), https://arxiv.org/abs/1908.09326
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from geodrift.spaces.space import Space


@dataclass(frozen=True)
class SPD(Space[Tensor]):
    """Symmetric positive definite matrices in the last two axes, `(..., d, d)`.

    Arguments:
        least: The smallest eigenvalue that a projection leaves.
    """

    least: float = 1e-6
    embedded = True

    def chart(self, z: Tensor) -> Tensor:
        """The coordinates of matrices: lower triangular, `(..., d, d)`; NaN where one is not positive definite."""
        factor = torch.linalg.cholesky_ex(z).L
        return torch.tril(factor, -1) + torch.diag_embed(torch.log(torch.diagonal(factor, dim1=-2, dim2=-1)))

    def unchart(self, c: Tensor) -> Tensor:
        """The matrices with these coordinates."""
        factor = torch.tril(c, -1) + torch.diag_embed(torch.exp(torch.diagonal(c, dim1=-2, dim2=-1)))
        return factor @ factor.mT

    def project(self, z: Tensor) -> Tensor:
        """The nearest symmetric matrix with no eigenvalue below `least`.

        The derivative is Daleckii and Krein's, by divided differences of the eigenvalues, finite where they are equal.
        """
        symmetric = (z + z.mT) / 2
        values, vectors = torch.linalg.eigh(symmetric.detach())
        kept = values.clamp(min=self.least)
        inside = (values == kept).all(-1)[..., None, None]
        nearest = torch.where(inside, symmetric, (vectors * kept[..., None, :]) @ vectors.mT)
        linear: Tensor = vectors @ (_differences(values, kept) * (vectors.mT @ symmetric @ vectors)) @ vectors.mT
        return linear + (nearest - linear).detach()

    def tangent(self, z: Tensor, v: Tensor) -> Tensor:
        return torch.tril(v)

    def exp(self, z: Tensor, v: Tensor) -> Tensor:
        return self.unchart(self.chart(z) + v)

    def retract(self, z: Tensor, v: Tensor) -> Tensor:
        return self.exp(z, self.tangent(z, v))

    def log(self, z: Tensor, y: Tensor) -> Tensor:
        return self.chart(y) - self.chart(z)


def _differences(values: Tensor, kept: Tensor) -> Tensor:
    """Divided differences of `kept` as a function of `values`, `(..., d)` to `(..., d, d)`."""
    gap, rise = (v[..., :, None] - v[..., None, :] for v in (values, kept))
    equal = gap.abs() <= torch.finfo(values.dtype).eps * values.abs().amax(-1)[..., None, None]
    slope = (values == kept).to(values)
    return torch.where(equal, (slope[..., :, None] + slope[..., None, :]) / 2, rise / gap)
