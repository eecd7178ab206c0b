"""Times that are powers of equal steps."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from geodrift.processes import Process
from geodrift.registry import Inside, Positive
from geodrift.solvers.grids.grid import Grid, grids, shares


def _even(steps: int) -> Tensor:
    return torch.arange(steps, 0, -1, dtype=torch.float64) / steps


@grids.register("uniform")
@dataclass(frozen=True)
class Uniform(Grid):
    """Equal steps, also the last, to zero."""

    def place(self, steps: int, process: Process) -> Tensor:
        return _even(steps)


@grids.register("power")
@dataclass(frozen=True)
class Power(Grid):
    """Steps that shrink towards the data, :math:`t = u^p`; two is the `polydec` distortion of discrete flows.

    Arguments:
        exponent: :math:`p > 0`.
    """

    exponent: Positive = 2.0

    def place(self, steps: int, process: Process) -> Tensor:
        return torch.pow(_even(steps), self.exponent)


@grids.register("karras")
@dataclass(frozen=True)
class Karras(Grid):
    """EDM's times, :math:`(u\\,t_{\\max}^{1/\\rho} + (1 - u)\\,t_{\\min}^{1/\\rho})^\\rho`, for noise linear in time.

    Here `u` falls evenly from one to zero: the last time before the data is `least` (equation 5 of EDM).

    Arguments:
        rho: How strongly steps shrink towards the data; one is equal steps.
        least: The time before zero, as a share of the longest.
    """

    rho: Positive = 7.0
    least: Inside = 0.002 / 80

    def place(self, steps: int, process: Process) -> Tensor:
        u = shares(steps)
        return torch.pow(u + (1 - u) * self.least ** (1 / self.rho), self.rho)


@grids.register("quadratic")
def quadratic(least: Inside = 1e-3, first: Inside = 1.0) -> Karras:
    """Times whose roots are evenly spaced, from `first` to the share `least` of it."""
    return Karras(2.0, least, first=first)
