r"""Schedules of paths that end at a known point: use them on the difference from it, see `geodrift.processes.anchored`.

With :math:`z` the state minus the known end :math:`y` and :math:`x` the data minus it, each law
:math:`z_t = \alpha_t x + \sigma_t n` is one between the data and :math:`y`. The Brownian bridge
:math:`(1 - t) x_0 + t y + s \sqrt{t (1 - t)}\,n` is I2SB with a constant rate; its squared diffusion is :math:`s^2`
throughout. IR-SDE forgets the data at the rate :math:`\theta_t \propto 1 - c_t / c_0`,
:math:`c_t = \cos^2(\pi (t + 0.008) / 2.016)`, and comes to rest around :math:`y`; its published sum over a hundred
steps is here the integral, in closed form.

References:
    | I2SB: Image-to-Image Schrödinger Bridge (Liu et al., 2023), https://arxiv.org/abs/2302.05872
    | Image Restoration with Mean-Reverting SDEs (Luo et al., 2023), https://arxiv.org/abs/2301.11699
    | Consistency Trajectory Matching for One-Step Super-Resolution (You et al., 2025), https://arxiv.org/abs/2503.20349
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from geodrift.registry import Positive
from geodrift.schedules.schedule import Schedule, schedules

_OFFSET = 0.008
_RATE = 0.5 * math.pi / (1 + _OFFSET)
_PHASE = _RATE * _OFFSET


@schedules.register("bridge")
@dataclass(frozen=True)
class Bridge(Schedule):
    """The Brownian bridge: :math:`\\alpha = 1 - t`, :math:`\\sigma = s \\sqrt{t (1 - t)}`.

    Arguments:
        scale: Standard deviation of the free Brownian motion after unit time, :math:`s`, in units of the data.
    """

    scale: Positive = 1.0

    def alpha(self, t: Tensor) -> Tensor:
        return 1 - t

    def sigma(self, t: Tensor) -> Tensor:
        return self.scale * torch.sqrt(t * (1 - t))


@schedules.register("residual")
@dataclass(frozen=True)
class Residual(Schedule):
    """A residual that fades while noise grows: :math:`\\alpha = 1 - t^{\\rho_a}`, :math:`\\sigma = s\\,t^{\\rho_s}`.

    The defaults are the released ones of CTMSR; ResShift has half the exponent for the noise.

    Arguments:
        sigma_max: Noise at the known end, in units of the data.
        fading: Exponent of the residual, :math:`\\rho_a`.
        growing: Exponent of the noise, :math:`\\rho_s`.
    """

    sigma_max: Positive = 1.0
    fading: Positive = 1.0
    growing: Positive = 1.0

    def alpha(self, t: Tensor) -> Tensor:
        return 1 - torch.pow(t, self.fading)

    def sigma(self, t: Tensor) -> Tensor:
        return self.sigma_max * torch.pow(t, self.growing)


@schedules.register("mean-reverting")
@dataclass(frozen=True)
class MeanReverting(Schedule):
    """IR-SDE with its cosine rates: :math:`\\alpha = e^{-\\int \\theta}`, :math:`\\sigma^2 = s^2 (1 - \\alpha^2)`.

    Arguments:
        std: Standard deviation at rest, :math:`s`, in units of the data; published for data of range one.
        least: What is left of the data at the source.
    """

    std: Positive = 50 / 255
    least: Positive = 0.005

    def _integral(self, t: Tensor) -> Tensor:
        """The rate integrated from the data, one at the source; in float64, for its terms cancel near the data."""
        return _forgotten(t.double()) / float(_forgotten(torch.ones((), dtype=torch.float64)))

    def alpha(self, t: Tensor) -> Tensor:
        return torch.exp(math.log(self.least) * self._integral(t)).to(t)

    def sigma(self, t: Tensor) -> Tensor:
        return (self.std * torch.sqrt(-torch.expm1(2 * math.log(self.least) * self._integral(t)))).to(t)


def _forgotten(t: Tensor) -> Tensor:
    """:math:`\\int_0^t (c_0 - c_u)\\,du`."""
    swing = torch.sin(_RATE * t) * torch.cos(_RATE * t + 2 * _PHASE) / (2 * _RATE)
    return t * math.cos(2 * _PHASE) / 2 - swing
