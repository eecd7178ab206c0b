r"""Transition laws: where a state may go in one step.

Ancestral sampling draws from them, policy gradients and particle weights need their log-probabilities, bounds their
divergences. Log-probabilities and divergences are elementwise; a layout adds them up to one number a sample.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geodrift.rng import Streams
from geodrift.state import State


class Kernel(ABC):
    """The law of the next state."""

    @abstractmethod
    def sample(self, rng: Streams) -> Any:
        """Draw the next state."""

    @abstractmethod
    def log_prob(self, z: Any) -> Any:
        """Log-density or log-probability of a next state, elementwise."""

    @abstractmethod
    def kl(self, other: Any) -> Any:
        """Divergence from another law of the same kind, elementwise."""

    @property
    @abstractmethod
    def mode(self) -> Any:
        """The most probable next state."""


@dataclass(frozen=True, eq=False)
class Gaussian(Kernel):
    """Independent normal entries.

    Arguments:
        mean: Shaped like the state.
        std: Broadcasts against the mean; may be zero for `sample` and `mode`.
    """

    mean: Tensor
    std: Tensor

    def sample(self, rng: Streams) -> Tensor:
        # Into the fresh noise: no memory beside the mean and the sample.
        return rng.normal(self.mean).mul_(self.std).add_(self.mean)

    def log_prob(self, z: Tensor) -> Tensor:
        return -0.5 * ((z - self.mean) / self.std) ** 2 - torch.log(self.std) - 0.5 * math.log(2 * math.pi)

    def kl(self, other: Gaussian) -> Tensor:
        ratio = (self.std / other.std) ** 2
        return 0.5 * (ratio + ((self.mean - other.mean) / other.std) ** 2 - 1 - torch.log(ratio))

    @property
    def mode(self) -> Tensor:
        return self.mean


@dataclass(frozen=True, eq=False)
class Delta(Kernel):
    """No freedom: the next state is this one."""

    at: Tensor

    def sample(self, rng: Streams) -> Tensor:
        return self.at

    def log_prob(self, z: Tensor) -> Tensor:
        return torch.where(z == self.at, 0.0, -torch.inf)

    def kl(self, other: Delta) -> Tensor:
        return torch.where(self.at == other.at, 0.0, torch.inf)

    @property
    def mode(self) -> Tensor:
        return self.at


@dataclass(frozen=True, eq=False)
class Categorical(Kernel):
    """Independent classes.

    Arguments:
        probs: Probabilities `(..., K)`, summing to one.
    """

    probs: Tensor

    def sample(self, rng: Streams) -> Tensor:
        return rng.categorical(self.probs)

    def log_prob(self, z: Tensor) -> Tensor:
        return torch.log(self.probs.gather(-1, z[..., None])[..., 0])

    def kl(self, other: Categorical) -> Tensor:
        return (torch.xlogy(self.probs, self.probs) - torch.xlogy(self.probs, other.probs)).sum(-1)

    @property
    def mode(self) -> Tensor:
        return self.probs.argmax(-1)


@dataclass(frozen=True, eq=False)
class Evidence(Kernel):
    r"""What a Bayesian flow receives: a point :math:`e_k`, and noisy evidence for it.

    The next state is :math:`b + a e_k + \sigma \varepsilon` with :math:`k` drawn from `probs`: a mixture of normals.

    Arguments:
        base: What is kept of the present state, `(..., D)`.
        points: The points, `(K, D)`, or `(..., K, D)` where they differ.
        probs: Their probabilities, `(..., K)`.
        gain: The weight :math:`a`, broadcast against the base.
        std: The spread :math:`\sigma > 0`, broadcast against the base.
    """

    base: Tensor
    points: Tensor
    probs: Tensor
    gain: Tensor
    std: Tensor

    def _given(self, k: Tensor) -> Gaussian:
        return Gaussian(self.base + self.gain * take(self.points, k), self.std)

    def sample(self, rng: Streams) -> Tensor:
        return self._given(rng.categorical(self.probs)).sample(rng)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log-density of whole vectors, `(..., D)` to `(...)`."""
        std = self.std.expand_as(z)
        far, a = (z - self.base) / std, self.gain / std
        apart = torch.einsum("...d,...kd->...k", a * far, self.points)
        size = torch.einsum("...d,...kd->...k", torch.square(a), torch.square(self.points))
        inside = torch.logsumexp(torch.log(self.probs) + apart - size / 2, -1)
        return inside - (torch.square(far) / 2 + torch.log(std) + 0.5 * math.log(2 * math.pi)).sum(-1)

    def kl(self, other: Evidence) -> Tensor:
        raise TypeError("the divergence of Gaussian mixtures has no closed form; KL of their classes bounds it")

    @property
    def mode(self) -> Tensor:
        """The next state without noise, for the most probable point."""
        return self._given(self.probs.argmax(-1)).mean


def take(points: Tensor, k: Tensor) -> Tensor:
    """The points `(..., D)` with these numbers `(...)`, of `(K, D)` for all or `(..., K, D)` of their own."""
    if points.ndim == 2:
        return points[k]
    own = points.expand(*k.shape, *points.shape[-2:])
    return own.gather(-2, k[..., None, None].expand(*k.shape, 1, points.shape[-1]))[..., 0, :]


@dataclass(frozen=True, eq=False)
class Joint(Kernel):
    """Independent laws of the fields of a state.

    Arguments:
        parts: Laws by field.
        like: A state with the layouts.
    """

    parts: Mapping[str, Kernel]
    like: State

    def sample(self, rng: Streams) -> State:
        layouts = self.like.layouts
        fields = {name: layouts[name].mask(part.sample(rng.on(layouts[name]))) for name, part in self.parts.items()}
        return State(fields, layouts)

    def log_prob(self, z: State) -> Tensor:
        """Log-probability of each sample, `(B,)`."""
        return sum_fields({name: part.log_prob(z[name]) for name, part in self.parts.items()}, self.like)

    def kl(self, other: Joint) -> Tensor:
        """Divergence of each sample, `(B,)`."""
        return sum_fields({name: part.kl(other.parts[name]) for name, part in self.parts.items()}, self.like)

    @property
    def mode(self) -> State:
        return State({name: part.mode for name, part in self.parts.items()}, self.like.layouts).masked()


def sum_fields(values: Mapping[str, Tensor], like: State) -> Tensor:
    """Add elementwise values over the elements and fields of each sample, `(B,)`."""
    return torch.stack([like.layouts[name].sum(v) for name, v in values.items()]).sum(0)
