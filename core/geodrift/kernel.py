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
from torch.nn.functional import one_hot

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
    r"""What a categorical Bayesian flow receives: a class :math:`k`, and noisy evidence for it.

    The next state is :math:`z + a (K e_k - 1) + \sqrt{a K} \varepsilon` with :math:`k` drawn from `probs`.

    Arguments:
        z: The present evidence, `(..., K)`.
        probs: Probabilities of the classes, `(..., K)`.
        accuracy: :math:`a > 0`, broadcast against `z`.
    """

    z: Tensor
    probs: Tensor
    accuracy: Tensor

    def _given(self, hot: Tensor) -> Gaussian:
        classes = self.z.shape[-1]
        return Gaussian(self.z + self.accuracy * (classes * hot - 1), torch.sqrt(self.accuracy * classes))

    def sample(self, rng: Streams) -> Tensor:
        return self._given(one_hot(rng.categorical(self.probs), self.z.shape[-1]).to(self.z)).sample(rng)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log-density of whole vectors, `(..., K)` to `(...)`."""
        classes = self.z.shape[-1]
        evidence = (z - self.z + self.accuracy) / (self.accuracy * classes)
        base = Gaussian(torch.zeros_like(z), 1 / torch.sqrt(self.accuracy * classes)).log_prob(evidence)
        gain = self.accuracy * classes * (evidence - 0.5)
        scale = classes * torch.log(self.accuracy * classes).expand_as(z)[..., 0]
        return base.sum(-1) + torch.logsumexp(torch.log(self.probs) + gain, -1) - scale

    def kl(self, other: Evidence) -> Tensor:
        raise TypeError("the divergence of Gaussian mixtures has no closed form; KL of their classes bounds it")

    @property
    def mode(self) -> Tensor:
        """The next state without noise, for the most probable class."""
        return self._given(one_hot(self.probs.argmax(-1), self.z.shape[-1]).to(self.z)).mean


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
