r"""Probabilities with the Fisher–Rao metric.

The square root :math:`p \mapsto \sqrt p` carries the simplex onto the positive part of the unit sphere, and the metric
:math:`\sum_i dp_i^2 / p_i` onto four times that of the sphere. Geodesics are its great circles, and a corner of the
simplex, a class, is a point like all others. Tangents are written there, doubled: :math:`v = 2\,d\sqrt p`, orthogonal
to :math:`\sqrt p`, whose length is Fisher and Rao's; as :math:`dp` every tangent at a corner would be zero.

.. math:: \exp_p(v) = \left(\exp_{\sqrt p}(v / 2)\right)^2, \qquad \log_p(q) = 2 \log_{\sqrt p}(\sqrt q)

A step across the boundary is reflected. The uniform law is the one of the probabilities, Dirichlet's with all ones; the
metric's own has all halves and is the square of a uniform point of the sphere.

References:
    | Categorical Flow Matching on Statistical Manifolds (Cheng et al., 2024), https://arxiv.org/abs/2405.16441
    | Fisher Flow Matching for Generative Modeling over Discrete Data (Davis et al., 2024), https://arxiv.org/abs/2405.14664
    | Efficient Projections onto the l1-Ball (Duchi et al., 2008), https://doi.org/10.1145/1390156.1390191
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from geodrift.rng import Streams
from geodrift.spaces.space import Space
from geodrift.spaces.sphere import Sphere

_SPHERE = Sphere()


@dataclass(frozen=True)
class Simplex(Space[Tensor]):
    """Probabilities in the last axis, `(..., K)`."""

    embedded = True

    def project(self, z: Tensor) -> Tensor:
        """The nearest point of the simplex, by the distance of the ambient space."""
        ordered = z.sort(-1, descending=True)[0]
        rank = torch.arange(1, z.shape[-1] + 1, dtype=z.dtype, device=z.device)
        excess = (ordered.cumsum(-1) - 1) / rank
        positive = (ordered > excess).sum(-1, keepdim=True)
        return torch.relu(z - excess.gather(-1, positive - 1))

    def tangent(self, z: Tensor, v: Tensor) -> Tensor:
        return _SPHERE.tangent(_root(z), v)

    def exp(self, z: Tensor, v: Tensor) -> Tensor:
        return torch.square(_SPHERE.exp(_root(z), v / 2))

    def retract(self, z: Tensor, v: Tensor) -> Tensor:
        return torch.square(_SPHERE.project(_root(z) + v / 2))

    def log(self, z: Tensor, y: Tensor) -> Tensor:
        return 2 * _SPHERE.log(_root(z), _root(y))

    def uniform(self, like: Tensor, rng: Streams) -> Tensor:
        arrivals = -torch.log(rng.uniform(like)).to(like.dtype)
        return arrivals / arrivals.sum(-1, keepdim=True)


def _root(p: Tensor) -> Tensor:
    """The square root, with the derivative zero at zero."""
    return torch.where(p > 0, torch.sqrt(torch.where(p > 0, p, 1)), 0)
