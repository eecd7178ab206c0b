r"""Times at which a sampler stops, from the source at one towards the data at zero.

A grid of :math:`N` steps has the times :math:`t_0 = 1 > t_1 > \dots > t_{N-1} > 0`; the last interval, down to zero,
belongs to the process, which turns its last prediction into data.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from geodrift.registry import Positive, Share, role


class Grid(ABC):
    """A way to place times, as an increasing map of the unit interval to itself."""

    @abstractmethod
    def place(self, u: Tensor) -> Tensor:
        """The time at the share `u` of the steps still to go."""

    def __call__(self, steps: int) -> Tensor:
        """The `steps` times at which the sampler predicts, in float64."""
        return self.place(torch.arange(steps, 0, -1, dtype=torch.float64) / steps)


grids = role("grid", Grid)


@grids.register("uniform")
@dataclass(frozen=True)
class Uniform(Grid):
    """Equal steps."""

    def place(self, u: Tensor) -> Tensor:
        return u


@grids.register("power")
@dataclass(frozen=True)
class Power(Grid):
    """Steps that shrink towards the data, :math:`t = u^p`; two is the `polydec` distortion of discrete flows.

    Arguments:
        exponent: :math:`p > 0`.
    """

    exponent: Positive = 2.0

    def place(self, u: Tensor) -> Tensor:
        return torch.pow(u, self.exponent)


@grids.register("karras")
@dataclass(frozen=True)
class Karras(Grid):
    """EDM's times, :math:`(u\\,t_{\\max}^{1/\\rho} + (1 - u)\\,t_{\\min}^{1/\\rho})^\\rho`, for noise linear in time.

    Here `u` falls evenly from one to zero: the last time before the data is `least` (equation 5 of EDM).

    Arguments:
        rho: How strongly steps shrink towards the data.
        least: The time before zero, as a share of the longest.
    """

    rho: Positive = 7.0
    least: Share = 0.002 / 80

    def place(self, u: Tensor) -> Tensor:
        return torch.pow(u + (1 - u) * self.least ** (1 / self.rho), self.rho)

    def __call__(self, steps: int) -> Tensor:
        return self.place(torch.linspace(1, 0, steps, dtype=torch.float64))
