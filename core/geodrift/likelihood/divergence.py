r"""The divergence of a velocity field, :math:`\nabla \cdot u = \sum_i \partial u_i / \partial z_i`, sample by sample.

For a direction :math:`e` of each sample, one backward pass gives :math:`e^\top \partial u / \partial z` of all samples
at once, since samples do not see one another. With :math:`e` running over the axes of all fields the sum of
:math:`e^\top (\partial u / \partial z)\,e` is the divergence; with random :math:`e` of unit covariance it is so in the
mean (Hutchinson). Directions are laid over the fields by their layouts, so that nothing depends on the rank of a
tensor, and what does not exist has none.

References:
    | A Stochastic Estimator of the Trace of the Influence Matrix (Hutchinson, 1990), https://doi.org/10.1080/03610919008812866
    | FFJORD (Grathwohl et al., 2019), https://arxiv.org/abs/1810.01367
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geodrift.layout import Layout
from geodrift.rng import Streams
from geodrift.state import State

Field = Callable[[Any], Any]
"""A velocity field, from a tensor to a tensor or from a state to a state."""


class Divergence(ABC):
    """A way to find the divergence of a field."""

    @abstractmethod
    def contract(self, v: Mapping[str, Tensor], z: State, rng: Streams) -> Tensor:
        """Estimates `(R, B)` whose mean over `R` is the divergence of `v`, which was computed from `z`."""

    @abstractmethod
    def error(self, estimates: Tensor) -> Tensor:
        """The standard error of the mean of estimates `(R, B)`, for each sample."""

    def __call__(self, field: Field, z: Any, rng: Streams, moving: tuple[str, ...] = ("",)) -> tuple[Any, Tensor]:
        """The field at `z`, and estimates `(R, B)` of its divergence.

        Arguments:
            field: The velocity field.
            z: A tensor, or a state.
            rng: One stream for each sample.
            moving: The fields of a state whose divergence is meant.
        """
        with torch.enable_grad():
            at = _named(z)
            at = at.replace({name: at[name].detach().requires_grad_() for name in moving})
            v = field(at if isinstance(z, State) else at[""])
            found = self.contract({name: _named(v)[name] for name in moving}, at, rng)
        return (v.map(torch.detach) if isinstance(v, State) else v.detach()), found


def _named(z: Any) -> State:
    return z if isinstance(z, State) else State({"": z})


def _pull(v: Mapping[str, Tensor], z: State, directions: Mapping[str, Tensor], batched: bool = False) -> dict[str, Any]:
    """The products of directions, shaped like the fields, with the Jacobian."""
    names = [name for name in v if v[name].requires_grad]
    if not names:
        return {name: torch.zeros_like(directions[name]) for name in v}
    into, out = [z[name] for name in v], [v[name] for name in names]
    along = [directions[name] for name in names]
    found = torch.autograd.grad(
        out, into, along, retain_graph=True, is_grads_batched=batched, materialize_grads=True, allow_unused=True
    )
    return dict(zip(v, found, strict=True))


@dataclass(frozen=True)
class ExactTrace(Divergence):
    """All axes of all fields, some of them in one backward pass.

    Arguments:
        at_once: Axes in one pass; more are faster and take more memory.
    """

    at_once: int = 16

    def contract(self, v: Mapping[str, Tensor], z: State, rng: Streams) -> Tensor:
        axes = _axes({name: z[name] for name in v}, z.layouts)
        last = 1 + max(int(axis.max()) if axis.numel() else -1 for axis in axes.values())
        total: Tensor | float = 0.0
        for chunk in torch.split(torch.arange(last, device=z.device), self.at_once):
            total = total + self._some(v, z, axes, chunk)
        return torch.as_tensor(total, device=z.device).expand(1, z.samples).double()

    def error(self, estimates: Tensor) -> Tensor:
        return torch.zeros_like(estimates[0])

    def _some(self, v: Mapping[str, Tensor], z: State, axes: Mapping[str, Tensor], chunk: Tensor) -> Tensor:
        units = {name: (axes[name] == chunk.reshape(-1, *(1,) * axes[name].ndim)).to(z[name]) for name in v}
        pulled = _pull(v, z, units, batched=True)
        return torch.stack([z.layouts[name].sum((units[name] * pulled[name]).sum(0)) for name in v]).sum(0)


def _axes(fields: Mapping[str, Tensor], layouts: Mapping[str, Layout]) -> dict[str, Tensor]:
    """The number of each entry among those of its sample, over all fields, shaped like the fields; -1 if absent."""
    axes, before = {}, 0
    for name, z in fields.items():
        lead = (-1,) + (1,) * (z.ndim - 1)
        each = z[0].numel() if len(z) else 0
        place = torch.as_tensor(layouts[name].places(), device=z.device).expand(len(z)).reshape(lead)
        axis = before + place * each + torch.arange(each, device=z.device).reshape(z.shape[1:])
        axes[name] = torch.where(layouts[name].mask(torch.ones_like(z)) > 0, axis, -1)
        before = max(before, 1 + int(axis.max())) if axis.numel() else before
    return axes


class Probe(ABC):
    """A law of random directions with unit covariance."""

    @abstractmethod
    def draw(self, like: Tensor, rng: Streams) -> Tensor:
        """A direction, shaped and typed like `like`."""


@dataclass(frozen=True)
class Rademacher(Probe):
    """Signs: the least variance of all laws with independent entries, none where the Jacobian is diagonal."""

    def draw(self, like: Tensor, rng: Streams) -> Tensor:
        return torch.where(rng.uniform(like) < 0.5, -1.0, 1.0).to(like.dtype)


@dataclass(frozen=True)
class Normal(Probe):
    """Standard normal numbers."""

    def draw(self, like: Tensor, rng: Streams) -> Tensor:
        return rng.normal(like)


@dataclass(frozen=True)
class Hutchinson(Divergence):
    """Random directions.

    Arguments:
        probes: How many, `R`; the spread of the estimates needs two.
        law: What they are drawn from.
    """

    probes: int = 1
    law: Probe = Rademacher()

    def contract(self, v: Mapping[str, Tensor], z: State, rng: Streams) -> Tensor:
        return torch.stack([self._one(v, z, rng) for _ in range(self.probes)]).double()

    def error(self, estimates: Tensor) -> Tensor:
        if len(estimates) == 1:
            return torch.full_like(estimates[0], torch.nan)
        return estimates.std(0) / math.sqrt(len(estimates))

    def _one(self, v: Mapping[str, Tensor], z: State, rng: Streams) -> Tensor:
        layouts = z.layouts
        along = {name: layouts[name].mask(self.law.draw(z[name], rng.on(layouts[name]))) for name in v}
        pulled = _pull(v, z, along)
        return torch.stack([layouts[name].sum(along[name] * pulled[name]) for name in v]).sum(0)
