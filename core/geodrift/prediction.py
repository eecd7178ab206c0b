r"""What a network says about the data, in coordinates that may be extrapolated.

On a continuous path it is the expected data and noise. Both, and with them the velocity, the score and every step of a
solver, are combinations of the same two tensors, the state and the network's output, so that an `Estimate` keeps these
two and one combination is one pass over memory. Where points have no mean it is a `Tangent`. About classes it is their
probabilities.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from geodrift.errors import InputError


class Prediction(ABC):
    """What a network says about the data."""

    @abstractmethod
    def extrapolate(self, base: Any, scale: float) -> Any:
        """Go from `base` towards this prediction, `scale` times as far: one is this prediction, zero is `base`."""

    @abstractmethod
    def tempered(self, temperature: float) -> Any:
        """The prediction with its beliefs about classes sharpened; real numbers have none to sharpen."""

    def hastened(self, factor: Tensor) -> Any:
        """The same data, approached `factor` times as fast; of predictions that are told as a velocity.

        Raises:
            InputError: For one that is not.
        """
        raise InputError(f"{type(self).__name__} is no velocity, so its approach cannot be hastened")


class Mix(NamedTuple):
    """The combination :math:`p a + q b` of two tensors, by numbers that broadcast against them."""

    p: Any
    q: Any

    def of(self, a: Tensor, b: Tensor) -> Tensor:
        """The combination; one of the two tensors itself where it is no more."""
        p, q = self
        if isinstance(p, float) and isinstance(q, float):
            if p == 0 or q == 0:
                z, scale = (b, q) if p == 0 else (a, p)
                return z if scale == 1 else z * scale
            return (a * p).add_(b, alpha=q)
        if isinstance(q, Tensor) and q.ndim == 0:
            return torch.addcmul(p * a, b, q)
        total: Tensor = p * a + q * b
        return total


FIRST, SECOND = Mix(1.0, 0.0), Mix(0.0, 1.0)


@dataclass(frozen=True, eq=False)
class Estimate(Prediction):
    """The expected data and noise, as combinations of two tensors; by default these two themselves.

    Arguments:
        a: A tensor shaped like the state: the expected data, or the state.
        b: A tensor shaped like the state: the expected noise, or the network's output.
        data: The combination of the two that is the expected data.
        noise: The combination that is the expected noise.
    """

    a: Tensor
    b: Tensor
    data: Mix = FIRST
    noise: Mix = SECOND

    @cached_property
    def x(self) -> Tensor:
        """The expected data."""
        if self.data is SECOND:
            return self.b
        return self.a if self.data is FIRST else self.data.of(self.a, self.b)

    @cached_property
    def n(self) -> Tensor:
        """The expected noise."""
        return self.b if self.noise is SECOND else self.noise.of(self.a, self.b)

    def mix(self, p: Any, q: Any) -> Tensor:
        """The combination :math:`p \\hat x + q \\hat n`, by numbers that broadcast against the state."""
        (xa, xb), (na, nb) = self.data, self.noise
        return Mix(p * xa + q * na, p * xb + q * nb).of(self.a, self.b)

    def extrapolate(self, base: Estimate, scale: float) -> Estimate:
        if self.data is FIRST:
            return Estimate(base.x + scale * (self.x - base.x), base.n + scale * (self.n - base.n))
        return Estimate(self.a, base.b + scale * (self.b - base.b), self.data, self.noise)

    def tempered(self, temperature: float) -> Estimate:
        return self


@dataclass(frozen=True, eq=False)
class Belief(Prediction):
    """Log-probabilities of the classes of the data, `(..., K)`."""

    log_probs: Tensor

    @property
    def probs(self) -> Tensor:
        return self.log_probs.exp()

    def extrapolate(self, base: Belief, scale: float) -> Belief:
        both = torch.isfinite(base.log_probs) & torch.isfinite(self.log_probs)
        ahead = base.log_probs + scale * (self.log_probs - base.log_probs)
        mixed = torch.where(both, ahead, self.log_probs if scale else base.log_probs)
        return replace(self, log_probs=torch.log_softmax(mixed, -1))

    def told(self, x: Tensor, known: Tensor) -> Belief:
        """The belief where the classes `x`, `(...)`, of the entries `known` are."""
        sure = torch.log(one_hot(x, self.log_probs.shape[-1]).to(self.log_probs))
        return replace(self, log_probs=torch.where(known[..., None], sure, self.log_probs))

    def tempered(self, temperature: float) -> Belief:
        return replace(self, log_probs=torch.log_softmax(self.log_probs / temperature, -1))


@dataclass(frozen=True, eq=False)
class Located(Belief):
    """A belief about points instead of classes: a discrete law on a continuous space.

    Arguments:
        log_probs: Log-probabilities of the points, `(..., K)`.
        points: The points, `(..., K, D)`.
    """

    points: Tensor

    def surprise(self, x: Tensor) -> Tensor:
        """Minus the log-probability of the point nearest to `x`, `(..., D)` to `(...)`."""
        nearest = torch.square(self.points - x[..., None, :]).sum(-1).argmin(-1, keepdim=True)
        return -self.log_probs.gather(-1, nearest)[..., 0]


@dataclass(frozen=True, eq=False)
class Tangent(Prediction):
    """The direction that leads away from the data, on a space where points have no mean.

    Arguments:
        v: The expected tangent, shaped like the state: its velocity while `left` grows at unit rate.
        left: How far the data are along it, broadcasting against `v`.
    """

    v: Tensor
    left: Tensor

    @property
    def n(self) -> Tensor:
        """The tangent as noise, where the path is one of noise."""
        return self.v

    @property
    def x(self) -> Tensor:
        """There is none.

        Raises:
            InputError: Always.
        """
        raise InputError("points of a curved or periodic space have no mean to predict; use the tangent, v, or finish")

    def told(self, way: Tensor, known: Tensor) -> Tangent:
        """The direction where the data of the entries `known` are one `way` from here."""
        return Tangent(torch.where(known, -way / self.left, self.v), self.left)

    def extrapolate(self, base: Tangent, scale: float) -> Tangent:
        return Tangent(base.v + scale * (self.v - base.v), self.left)

    def hastened(self, factor: Tensor) -> Tangent:
        return Tangent(factor * self.v, self.left / factor)

    def tempered(self, temperature: float) -> Tangent:
        return self


@dataclass(frozen=True, eq=False)
class Transport(Prediction):
    """What a network says about the way from one law to the other; all are linear in its output.

    Arguments:
        velocity: The drift :math:`u`, shaped like the state.
        noise: The expected latent :math:`\\eta`.
        x: The expected data to first order, :math:`z - \\gamma \\eta - t v`; exact on straight ways. Not wrapped.
    """

    velocity: Tensor
    noise: Tensor
    x: Tensor

    def extrapolate(self, base: Transport, scale: float) -> Transport:
        def ahead(own: Tensor, other: Tensor) -> Tensor:
            return other + scale * (own - other)

        return Transport(ahead(self.velocity, base.velocity), ahead(self.noise, base.noise), ahead(self.x, base.x))

    def tempered(self, temperature: float) -> Transport:
        return self

    def hastened(self, factor: Tensor) -> Transport:
        return Transport(factor * self.velocity, self.noise, self.x)
