r"""Schedules that go from the data alone to the source alone.

References:
    | Flow Straight and Fast (Liu et al., 2022), https://arxiv.org/abs/2209.03003
    | Improved Denoising Diffusion Probabilistic Models (Nichol, Dhariwal, 2021), https://arxiv.org/abs/2102.09672
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from geodrift.schedules.schedule import Schedule, schedules


@schedules.register("rectified")
@dataclass(frozen=True)
class Rectified(Schedule):
    """The straight line from data to source: :math:`\\alpha = 1 - t`, :math:`\\sigma = t`."""

    def alpha(self, t: Tensor) -> Tensor:
        return 1 - t

    def sigma(self, t: Tensor) -> Tensor:
        return t.clone()

    def time(self, log_snr: Tensor) -> Tensor:
        return torch.sigmoid(-log_snr.double())


@schedules.register("cosine")
@dataclass(frozen=True)
class Cosine(Schedule):
    """The quarter circle: :math:`\\alpha = \\cos(\\pi t / 2)`, :math:`\\sigma = \\sin(\\pi t / 2)`."""

    def alpha(self, t: Tensor) -> Tensor:
        return torch.sin(0.5 * math.pi * (1 - t))  # exactly zero at one, where a cosine is rounding of either sign

    def sigma(self, t: Tensor) -> Tensor:
        return torch.sin(0.5 * math.pi * t)

    def time(self, log_snr: Tensor) -> Tensor:
        return torch.atan(torch.exp(-log_snr.double())) / (0.5 * math.pi)
