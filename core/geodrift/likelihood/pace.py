r"""Times between which a path changes alike, for integrals along it.

The point :math:`w_t = \alpha_t + i \sigma_t / d`, :math:`d` the scale of the data, holds all that a schedule is: its
angle says how much of the state is noise and its modulus how large the state is. Equal steps of the length

.. math:: \int \sqrt{(d \log |w|)^2 + (d \arg w)^2 + (d \operatorname{arsinh}(\sin \arg w / r))^2}

are equal relative changes of the state, whichever the schedule: near the data the last term follows the logarithm of
the noise until it is finer than the resolution :math:`r`. Classes have the angle with
:math:`\sin^2 = 1 - \alpha`. The map from the share of this length to the time is linear between the knots of a table,
so that its derivative, the weight of an integral over time, is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch

import torch
from torch import Tensor

from geodrift.processes import Affine, Jump, Process

KNOTS = 4096


@singledispatch
def traits(part: Process, t: Tensor, finest: float) -> Tensor:
    """Coordinates of the path at times `(N,)`, `(N, C)`; their length says how much it changes."""
    return t[:, None]


@traits.register
def _(part: Affine, t: Tensor, finest: float) -> Tensor:
    alpha, sigma = part.schedule.alpha(t) * part.data_std, part.schedule.sigma(t)
    size = torch.hypot(alpha, sigma)
    return torch.stack([size.log(), torch.atan2(sigma, alpha), torch.asinh(sigma / size / finest)], -1)


@traits.register
def _(part: Jump, t: Tensor, finest: float) -> Tensor:
    return torch.asin(torch.sqrt((1 - part.schedule.alpha(t)).clamp(0, 1)))[:, None]


@dataclass(frozen=True, eq=False)
class Pace:
    """An increasing map from the unit interval to times.

    Arguments:
        knots: Times `(M,)`, increasing, at equal shares.
    """

    knots: Tensor

    @classmethod
    def of(cls, process: Process, first: float, finest: float = 0.05) -> Pace:
        """The pace at which all fields of a process change, from the time `first` to one.

        Arguments:
            process: The process.
            first: The time it starts at, above zero.
            finest: The resolution :math:`r`, as a share of the scale of the data.
        """
        t = first + (1 - first) * torch.linspace(0, 1, KNOTS + 1, dtype=torch.float64) ** 4
        every = torch.cat([traits(part, t, finest) for part in process.leaves.values()], -1)
        length = torch.cat([torch.zeros(1, dtype=t.dtype), torch.diff(every, dim=0).norm(dim=-1).cumsum(0)])
        # A share of the time itself keeps the map defined where nothing changes.
        share = 0.9 * length / length[-1].clamp(min=1e-12) + 0.1 * (t - first) / (1 - first)
        return cls(_interpolate(torch.linspace(0, 1, KNOTS + 1, dtype=torch.float64), share / share[-1], t)[0])

    def place(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """The times at shares `u` of the way, and their derivatives there."""
        shares = torch.linspace(0, 1, len(self.knots), dtype=self.knots.dtype, device=u.device)
        return _interpolate(u.to(self.knots), shares, self.knots.to(u.device))

    def grid(self, steps: int) -> Tensor:
        """The `steps + 1` times that bound equal steps, from the first to one."""
        return self.place(torch.linspace(0, 1, steps + 1, dtype=torch.float64))[0]


def _interpolate(u: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The broken line through the points `(x, y)` at `u`, and its slope."""
    cell = (torch.searchsorted(x, u.contiguous(), right=True) - 1).clamp(0, len(x) - 2)
    slope = (y[cell + 1] - y[cell]) / (x[cell + 1] - x[cell])
    return y[cell] + slope * (u - x[cell]), slope
