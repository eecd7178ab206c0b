r"""Signal and noise in time.

A schedule gives the two scales of the law :math:`z_t = \alpha_t x + \sigma_t n`, data at :math:`t = 0`, source at
:math:`t = 1`. Only :math:`\alpha` and :math:`\sigma` are written down; their time derivatives, which velocities and
drifts need, come from automatic differentiation, so they cannot disagree with them. The same law is the solution of
:math:`dz = f_t z\,dt + g_t\,dW` with :math:`f = \alpha' / \alpha` and :math:`g^2 = 2 \sigma \sigma' - 2 f \sigma^2`.

References:
    | Score-Based Generative Modeling through SDEs (Song et al., 2021), https://arxiv.org/abs/2011.13456
    | Flow Straight and Fast (Liu et al., 2022), https://arxiv.org/abs/2209.03003
    | Elucidating the Design Space of Diffusion-Based Generative Models (Karras et al., 2022), https://arxiv.org/abs/2206.00364
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from geodrift.registry import NotNegative, Positive, role


@dataclass(frozen=True, eq=False)
class Coefficients:
    """Scales of signal and noise and their time derivatives at a time, shaped like it, each computed when first asked.

    Arguments:
        schedule: The schedule.
        t: The time.
    """

    schedule: Schedule
    t: Tensor

    @cached_property
    def alpha(self) -> Tensor:
        return self.schedule.alpha(self.t)

    @cached_property
    def sigma(self) -> Tensor:
        return self.schedule.sigma(self.t)

    @cached_property
    def d_alpha(self) -> Tensor:
        return _derivative(self.schedule.alpha, self.t)

    @cached_property
    def d_sigma(self) -> Tensor:
        return _derivative(self.schedule.sigma, self.t)

    @property
    def diffusion(self) -> Tensor:
        """The squared diffusion coefficient :math:`g^2`; infinite where the signal is zero."""
        return 2 * self.sigma * (self.d_sigma - self.d_alpha / self.alpha * self.sigma)


def _derivative(scale: Callable[[Tensor], Tensor], t: Tensor) -> Tensor:
    # Reverse mode: forward mode takes ten times as long, torch.func imports a compiler at its first call.
    with torch.inference_mode(False), torch.enable_grad():
        u = t.detach().clone().requires_grad_()
        value = scale(u)
        return torch.autograd.grad(value.sum(), u)[0] if value.requires_grad else torch.zeros_like(t)


class Schedule(ABC):
    """Scales of signal and noise on :math:`t \\in [0, 1]`, with a decreasing signal-to-noise ratio."""

    @abstractmethod
    def alpha(self, t: Tensor) -> Tensor: ...

    @abstractmethod
    def sigma(self, t: Tensor) -> Tensor: ...

    def __call__(self, t: Tensor) -> Coefficients:
        return Coefficients(self, t)


schedules = role("schedule", Schedule)


@schedules.register("rectified")
@dataclass(frozen=True)
class Rectified(Schedule):
    """The straight line from data to source: :math:`\\alpha = 1 - t`, :math:`\\sigma = t`."""

    def alpha(self, t: Tensor) -> Tensor:
        return 1 - t

    def sigma(self, t: Tensor) -> Tensor:
        return t.clone()


@schedules.register("cosine")
@dataclass(frozen=True)
class Cosine(Schedule):
    """The quarter circle: :math:`\\alpha = \\cos(\\pi t / 2)`, :math:`\\sigma = \\sin(\\pi t / 2)`."""

    def alpha(self, t: Tensor) -> Tensor:
        return torch.cos(0.5 * math.pi * t)

    def sigma(self, t: Tensor) -> Tensor:
        return torch.sin(0.5 * math.pi * t)


@dataclass(frozen=True)
class _LinearRate(Schedule):
    """A signal that decays at the linear rate :math:`\\beta_t = \\beta_0 + t (\\beta_1 - \\beta_0)`.

    Arguments:
        beta_min: Rate at the data, :math:`\\beta_0`, per unit time.
        beta_max: Rate at the source, :math:`\\beta_1`.
    """

    beta_min: NotNegative = 0.1
    beta_max: Positive = 20.0

    def half_integral(self, t: Tensor) -> Tensor:
        """Half the rate integrated from the data to `t`."""
        return 0.5 * self.beta_min * t + 0.25 * (self.beta_max - self.beta_min) * t**2

    def alpha(self, t: Tensor) -> Tensor:
        return torch.exp(-self.half_integral(t))


@schedules.register("vp")
class VP(_LinearRate):
    """Variance preserving: :math:`\\sigma^2 = 1 - \\alpha^2`."""

    def sigma(self, t: Tensor) -> Tensor:
        return torch.sqrt(-torch.expm1(-2 * self.half_integral(t)))


@schedules.register("sub-vp")
class SubVP(_LinearRate):
    """Below variance preserving: :math:`\\sigma = 1 - \\alpha^2`."""

    def sigma(self, t: Tensor) -> Tensor:
        return -torch.expm1(-2 * self.half_integral(t))


@schedules.register("ve")
@dataclass(frozen=True)
class VE(Schedule):
    """Variance exploding: :math:`\\alpha = 1` and noise that grows geometrically.

    The noise at the data is :math:`\\sigma_{\\min}`, not zero, as in the published method.

    Arguments:
        sigma_min: Noise at the data, in units of the data.
        sigma_max: Noise at the source.
    """

    sigma_min: Positive = 0.01
    sigma_max: Positive = 50.0

    def alpha(self, t: Tensor) -> Tensor:
        return torch.ones_like(t)

    def sigma(self, t: Tensor) -> Tensor:
        return self.sigma_min * torch.exp(t * math.log(self.sigma_max / self.sigma_min))


@schedules.register("edm")
@dataclass(frozen=True)
class EDM(Schedule):
    """Noise that grows linearly: :math:`\\alpha = 1`, :math:`\\sigma = \\sigma_{\\max} t`.

    Arguments:
        sigma_max: Noise at the source, in units of the data.
    """

    sigma_max: Positive = 80.0

    def alpha(self, t: Tensor) -> Tensor:
        return torch.ones_like(t)

    def sigma(self, t: Tensor) -> Tensor:
        return self.sigma_max * t
