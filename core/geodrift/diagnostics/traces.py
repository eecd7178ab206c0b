r"""The divergence of a batch of vectors: the trace of its Jacobian, exact or estimated.

Hutchinson's estimate is the mean of :math:`\varepsilon^\top J \varepsilon` over random signs
:math:`\varepsilon_i = \pm 1`: unbiased, at the cost of one backward pass a probe instead of one an entry.

References:
    | A Stochastic Estimator of the Trace of the Influence Matrix (Hutchinson, 1990), https://doi.org/10.1080/03610919008812866
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from geodrift.diagnostics.differentials import pull_all, rows
from geodrift.registry import Count, role
from geodrift.rng import Streams


class Trace(ABC):
    """A way to a divergence."""

    @abstractmethod
    def __call__(self, u: Tensor, v: Tensor, rng: Streams) -> Tensor:
        """The divergence of `u` by `v`, both `(B, D)`: `(B,)`; it may be differentiated again."""


traces = role("trace", Trace)


@traces.register("exact")
@dataclass(frozen=True)
class ExactTrace(Trace):
    """All of the diagonal: one backward pass an entry."""

    def __call__(self, u: Tensor, v: Tensor, rng: Streams) -> Tensor:
        everything = torch.arange(v.shape[1], device=v.device)
        return rows(u, v, everything).diagonal(dim1=1, dim2=2).sum(1)


@traces.register("hutchinson")
@dataclass(frozen=True)
class Hutchinson(Trace):
    """An unbiased estimate.

    Arguments:
        probes: Random directions, one backward pass each.
    """

    probes: Count = 1

    def __call__(self, u: Tensor, v: Tensor, rng: Streams) -> Tensor:
        signs = signs_like(v, self.probes, rng)
        return (pull_all(u, v, signs) * signs).sum(2).mean(0)


def signs_like(v: Tensor, probes: int, rng: Streams) -> Tensor:
    """Random signs, `(probes, B, D)`, each sample's from its own stream."""
    drawn = rng.uniform(v[:, None].expand(-1, probes, -1)) < 0.5
    return torch.where(drawn, 1.0, -1.0).to(v).movedim(1, 0)
