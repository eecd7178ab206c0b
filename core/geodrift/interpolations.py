r"""Ways between two laws: the scales of a stochastic interpolant.

.. math:: z_t = a_t x + b_t y + \gamma_t n

leads from data :math:`x` at :math:`t = 0` to a source :math:`y` at :math:`t = 1` (the published direction is the other
one); :math:`n` is the latent, normal numbers. Between two laws its scale :math:`\gamma` is zero at both ends. That of a
Brownian latent has an infinite derivative there; no grid may begin and no training look at such a time.

References:
    | Stochastic Interpolants: A Unifying Framework for Flows and Diffusions (Albergo, Boffi, Vanden-Eijnden, 2023), https://arxiv.org/abs/2303.08797
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from geodrift.registry import Positive, role
from geodrift.rng import Streams
from geodrift.schedules import Rectified, Schedule


class Latent(ABC):
    """A scale of noise between two laws, zero at both ends."""

    @abstractmethod
    def gamma(self, t: Tensor) -> Tensor: ...


latents = role("latent", Latent)


@latents.register("brownian")
@dataclass(frozen=True)
class Brownian(Latent):
    """The spread of a Brownian bridge, :math:`\\gamma = \\sqrt{r t (1 - t)}`.

    Arguments:
        rate: :math:`r`, in squared units of the data; with the trigonometric way at most 4.
    """

    rate: Positive = 1.0

    def gamma(self, t: Tensor) -> Tensor:
        return torch.sqrt(self.rate * t * (1 - t))


@latents.register("b-squared")
@dataclass(frozen=True)
class BSquared(Latent):
    """The square of a Brownian bridge's, :math:`\\gamma = t (1 - t)`."""

    def gamma(self, t: Tensor) -> Tensor:
        return t * (1 - t)


@latents.register("sin-squared")
@dataclass(frozen=True)
class SinSquared(Latent):
    """:math:`\\gamma = s \\sin^2 \\pi t`.

    Arguments:
        scale: :math:`s`, in units of the data; with the trigonometric way at most 1.
    """

    scale: Positive = 1.0

    def gamma(self, t: Tensor) -> Tensor:
        return self.scale * torch.square(torch.sin(math.pi * t))


@latents.register("zero")
@dataclass(frozen=True)
class Zero(Latent):
    """No latent: the way has a velocity and no score."""

    def gamma(self, t: Tensor) -> Tensor:
        return torch.zeros_like(t)


class Interpolation(ABC):
    """The scales of data, source and latent."""

    latent: Latent
    one_sided: ClassVar[bool] = False
    """Whether the source is the latent itself."""

    @abstractmethod
    def a(self, t: Tensor) -> Tensor: ...

    @abstractmethod
    def b(self, t: Tensor) -> Tensor: ...

    def gamma(self, t: Tensor) -> Tensor:
        return self.latent.gamma(t)

    @property
    def noisy(self) -> bool:
        """Whether there is a latent at all."""
        return not isinstance(self.latent, Zero)

    def ends(self, x: Tensor, n: Tensor, rng: Streams) -> tuple[Tensor, Tensor]:
        """The source end and the latent, from data and a draw `n` of the source."""
        return n, rng.normal(n)


interpolations = role("interpolation", Interpolation)


@interpolations.register("linear")
@dataclass(frozen=True)
class Linear(Interpolation):
    """The straight way: :math:`a = 1 - t`, :math:`b = t`."""

    latent: Latent = field(default_factory=Brownian)

    def a(self, t: Tensor) -> Tensor:
        return 1 - t

    def b(self, t: Tensor) -> Tensor:
        return t.clone()


@interpolations.register("trigonometric")
@dataclass(frozen=True)
class Trigonometric(Interpolation):
    """A quarter of a sphere: :math:`a^2 + b^2 + \\gamma^2 = 1`, and :math:`b / a = \\tan(\\pi t / 2)`."""

    latent: Latent = field(default_factory=Brownian)

    def a(self, t: Tensor) -> Tensor:
        return self._rest(t) * torch.cos(0.5 * math.pi * t)

    def b(self, t: Tensor) -> Tensor:
        return self._rest(t) * torch.sin(0.5 * math.pi * t)

    def _rest(self, t: Tensor) -> Tensor:
        return torch.sqrt(1 - torch.square(self.gamma(t)))


@interpolations.register("encoding-decoding")
@dataclass(frozen=True)
class EncodingDecoding(Interpolation):
    """From the data to the latent alone, in the middle, and on to the source: :math:`\\cos^2 \\pi t` of one of them."""

    latent: Latent = field(default_factory=SinSquared)

    def a(self, t: Tensor) -> Tensor:
        return torch.where(t < 0.5, torch.square(torch.cos(math.pi * t)), 0)

    def b(self, t: Tensor) -> Tensor:
        return torch.where(t > 0.5, torch.square(torch.cos(math.pi * t)), 0)


@interpolations.register("mirror")
@dataclass(frozen=True)
class Mirror(Linear):
    """From data back to the same data, :math:`z_t = x + \\gamma n`: its source is data, `Empirical`."""

    def ends(self, x: Tensor, n: Tensor, rng: Streams) -> tuple[Tensor, Tensor]:
        return x, rng.normal(n)


@interpolations.register("one-sided")
@dataclass(frozen=True)
class OneSided(Interpolation):
    """Data plus noise, the source being the latent: what `geodrift.processes.Affine` is, with two heads.

    Arguments:
        schedule: The scales of the two; the straight line for the linear, the cosine for the trigonometric way.
    """

    schedule: Schedule = field(default_factory=Rectified)
    one_sided = True

    def a(self, t: Tensor) -> Tensor:
        return self.schedule.alpha(t)

    def b(self, t: Tensor) -> Tensor:
        return torch.zeros_like(t)

    def gamma(self, t: Tensor) -> Tensor:
        return self.schedule.sigma(t)

    @property
    def noisy(self) -> bool:
        return True

    def ends(self, x: Tensor, n: Tensor, rng: Streams) -> tuple[Tensor, Tensor]:
        return n, n
