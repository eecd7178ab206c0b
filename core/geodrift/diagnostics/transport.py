r"""Whether an error of a velocity matters: only the part of it that is a gradient moves the marginals.

A velocity :math:`u + \delta` carries the same density :math:`p` as :math:`u` where
:math:`\nabla \cdot (p \delta) = 0`. In the space of fields with the product :math:`E_p[a \cdot b]` such
:math:`\delta` are orthogonal to all gradients, so that the part which matters is the projection :math:`\nabla \psi` of
:math:`\delta` onto them, found by least squares, :math:`\min_\psi E_p |\delta - \nabla \psi|^2`. The transport
relevance is :math:`E_p|\nabla \psi|^2 / E_p|\delta|^2`, from 0 (harmless) to 1.

For a linear error :math:`\delta = K x` on centred Gaussian data with covariance :math:`\Sigma` the potential is
quadratic, its gradient :math:`S x` with :math:`S \Sigma + \Sigma S = K \Sigma + \Sigma K^\top`.

References:
    | Are We Really Learning the Score Function? (Vuong et al., 2025), https://arxiv.org/abs/2509.00336
    | Random Features for Large-Scale Kernel Machines (Rahimi, Recht, 2007), https://papers.nips.cc/paper/3182
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geodrift.diagnostics.differentials import differentiable
from geodrift.diagnostics.fields import VectorField, as_vectors
from geodrift.diagnostics.traces import ExactTrace, Trace
from geodrift.rng import Streams


class Potentials(ABC):
    """A basis of potentials, by their gradients."""

    @abstractmethod
    def gradients(self, v: Tensor) -> Tensor:
        """The gradient of each of the `F` potentials at the vectors `(B, D)`: `(B, F, D)`."""


@dataclass(frozen=True)
class Quadratic(Potentials):
    """All polynomials of degree one and two: enough for a linear error, :math:`D (D + 3) / 2` of them."""

    def gradients(self, v: Tensor) -> Tensor:
        d = v.shape[1]
        i, j = torch.triu_indices(d, d, device=v.device)
        units = torch.eye(d, dtype=v.dtype, device=v.device)
        products = v[:, i, None] * units[j] + v[:, j, None] * units[i]
        return torch.cat([units.expand(len(v), -1, -1), products], 1)


@dataclass(frozen=True)
class RandomFeatures(Potentials):
    """The quadratic potentials and waves :math:`\\cos(w \\cdot v + b)` of random directions.

    Arguments:
        count: Number of waves.
        scale: The length over which a wave changes, in the units of `v`.
        seed: Of the directions.
        quadratic: The potentials of low degree.
    """

    count: int
    scale: float = 1.0
    seed: int = 0
    quadratic: Quadratic = Quadratic()

    def gradients(self, v: Tensor) -> Tensor:
        rng = Streams.of(self.seed, self.count, v.device)
        w = rng.normal(v.new_empty(self.count, v.shape[1])) / self.scale
        b = 2 * math.pi * rng.uniform(v.new_empty(self.count)).to(v)
        waves = -torch.sin(v @ w.T + b)[..., None] * w
        return torch.cat([self.quadratic.gradients(v), waves], 1)


@torch.no_grad()
def transport_relevance(error: VectorField, z: Any, potentials: Potentials, weights: Tensor | None = None) -> Tensor:
    """The share of an error that changes the marginals, a scalar.

    Arguments:
        error: The difference of two velocities, on tensors or states.
        z: States drawn from the law that is moved, many more than there are potentials.
        potentials: The basis that the gradient part is sought in; too small a one gives too small a share.
        weights: Weight of each state, `(B,)`, where they are drawn from another law; one by default.
    """
    flat, function = as_vectors(error, z)
    v = flat.join(z)
    root = torch.ones(len(v)).to(v) if weights is None else torch.sqrt(weights)
    delta = (function(v) * root[:, None]).flatten()
    basis = (potentials.gradients(v) * root[:, None, None]).transpose(1, 2).flatten(0, 1)
    found = basis @ torch.linalg.lstsq(basis, delta[:, None], driver="gelsd").solution
    return torch.square(found).sum() / torch.square(delta).sum()


def linear_relevance(k: Tensor, covariance: Tensor) -> Tensor:
    """The same for the error :math:`K x` on centred Gaussian data, in closed form, a scalar."""
    variances, axes = torch.linalg.eigh(covariance)
    right = axes.T @ (k @ covariance + covariance @ k.T) @ axes
    s = axes @ (right / (variances[:, None] + variances)) @ axes.T
    return torch.trace(s @ covariance @ s) / torch.trace(k @ covariance @ k.T)


def stein(error: VectorField, score: VectorField, z: Any, rng: Streams, trace: Trace | None = None) -> Tensor:
    """Stein's :math:`\\nabla \\cdot \\delta + \\delta \\cdot \\nabla \\log p`, `(B,)`: zero for a harmless error."""
    with differentiable():
        flat, function = as_vectors(error, z)
        v = flat.join(z).detach().requires_grad_()
        delta = function(v)
        along = (delta * flat.join(score(flat.split(v)))).sum(1)
        return ((trace or ExactTrace())(delta, v, rng) + along).detach()
