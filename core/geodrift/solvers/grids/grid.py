r"""Times at which a sampler stops, from the source at one towards the data at zero.

A grid of :math:`N` steps has the times :math:`t_0 > t_1 > \dots > t_{N-1} > 0`; the last interval, down to zero,
belongs to the process, which turns its last prediction into data. The first time is one, unless a method cannot start
where there is no signal: then `first` is a little below.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from geodrift.processes import Process
from geodrift.registry import Inside, role


@dataclass(frozen=True, kw_only=True)
class Grid(ABC):
    """A way to place times.

    Arguments:
        first: The time to start at.
    """

    first: Inside = 1.0

    @abstractmethod
    def place(self, steps: int, process: Process) -> Tensor:
        """The `steps` times, as shares of the first one, which is placed at one; float64.

        Raises:
            InputError: When the grid cannot measure this process.
        """

    def __call__(self, steps: int, process: Process) -> Tensor:
        """The `steps` times at which the sampler predicts, in float64."""
        return self.first * self.place(steps, process)


grids = role("grid", Grid)


def shares(steps: int) -> Tensor:
    """The shares of the way that are still to go, from one to zero, both included."""
    return torch.linspace(1, 0, steps, dtype=torch.float64)
