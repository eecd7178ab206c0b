r"""Schedules of the score-based SDEs.

References:
    | Score-Based Generative Modeling through SDEs (Song et al., 2021), https://arxiv.org/abs/2011.13456
    | Elucidating the Design Space of Diffusion-Based Generative Models (Karras et al., 2022), https://arxiv.org/abs/2206.00364
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from geodrift.registry import NotNegative, Positive
from geodrift.schedules.schedule import Schedule, schedules


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

    def reached(self, integral: Tensor) -> Tensor:
        """The time at which half the integrated rate has this value."""
        half, slope = 0.5 * self.beta_min, self.beta_max - self.beta_min
        return 2 * integral / (half + torch.sqrt(half**2 + slope * integral))


@schedules.register("vp")
class VP(_LinearRate):
    """Variance preserving: :math:`\\sigma^2 = 1 - \\alpha^2`."""

    def sigma(self, t: Tensor) -> Tensor:
        return torch.sqrt(-torch.expm1(-2 * self.half_integral(t)))

    def time(self, log_snr: Tensor) -> Tensor:
        return self.reached(torch.nn.functional.softplus(-2 * log_snr.double()) / 2)


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

    def time(self, log_snr: Tensor) -> Tensor:
        return (-log_snr.double() - math.log(self.sigma_min)) / math.log(self.sigma_max / self.sigma_min)


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

    def time(self, log_snr: Tensor) -> Tensor:
        return torch.exp(-log_snr.double()) / self.sigma_max


@schedules.register("ou")
@dataclass(frozen=True)
class OU(Schedule):
    """An Ornstein–Uhlenbeck process: :math:`\\alpha = e^{-\\theta t}`, :math:`\\sigma^2 = \\lambda^2 (1 - \\alpha^2)`.

    It forgets the data at a constant rate and comes to rest around zero: on the difference from a mean it is the
    mean-reverting SDE :math:`dz = -\\theta z\\,dt + \\lambda \\sqrt{2 \\theta}\\,dW`.

    Arguments:
        rate: :math:`\\theta`, per unit time.
        std: Standard deviation at rest, :math:`\\lambda`, in units of the data.
    """

    rate: Positive = 5.0
    std: Positive = 1.0

    def alpha(self, t: Tensor) -> Tensor:
        return torch.exp(-self.rate * t)

    def sigma(self, t: Tensor) -> Tensor:
        return self.std * torch.sqrt(-torch.expm1(-2 * self.rate * t))

    def time(self, log_snr: Tensor) -> Tensor:
        noise = -2 * (log_snr.double() + math.log(self.std))
        return torch.nn.functional.softplus(noise) / (2 * self.rate)
