r"""Equal steps of :math:`\lambda = \log(\alpha / \sigma)`, the clock in which exponential integrators work.

References:
    | DPM-Solver (Lu et al., 2022), https://arxiv.org/abs/2206.00927
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from geodrift.errors import InputError
from geodrift.processes import Process
from geodrift.registry import Inside
from geodrift.solvers.grids.grid import Grid, grids, shares


@grids.register("log-snr")
@dataclass(frozen=True)
class LogSNR(Grid):
    """Equal steps in the log-SNR of the process's clock, from the first time to the last.

    Arguments:
        least: The last time before the data, as a share of the first.
        lowest: Where the even steps begin if the log-SNR of the first time is below, as it is without signal; the
            first step comes from there.
    """

    least: Inside = 1e-3
    lowest: float = -5.1

    def place(self, steps: int, process: Process) -> Tensor:
        clock = process.clock
        if clock is None:
            raise InputError("grid log-snr measures by signal and noise, and no field has both; choose uniform")
        ends = self.first * torch.tensor([1.0, self.least], dtype=torch.float64)
        start, end = clock.log_snr(ends)
        if start.isnan():
            raise InputError(
                f"grid log-snr: {clock} has no signal and no noise at {self.first:g}; choose first = 0.999"
            )
        if end <= self.lowest:
            raise InputError(f"grid log-snr: lowest = {self.lowest:g} is past the last time; it is {end:.3g} there")
        u = shares(steps)
        times = clock.time(u * start.clamp(min=self.lowest) + (1 - u) * end) / self.first
        times[0] = 1
        return times
