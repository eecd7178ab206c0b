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
