r"""Embedded Runge–Kutta pairs for the probability-flow ODE, in time.

The last stage is at the end of the step, so that it is the first of the next one.

References:
    | A family of embedded Runge–Kutta formulae (Dormand, Prince, 1980), https://doi.org/10.1016/0771-050X(80)90013-3
    | A 3(2) pair of Runge–Kutta formulas (Bogacki, Shampine, 1989), https://doi.org/10.1016/0893-9659(89)90079-7
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from geodrift.denoiser import Conditions, Denoise
from geodrift.layout import trailing
from geodrift.processes import Process
from geodrift.registry import Positive
from geodrift.solvers.adaptive.adaptive import Adaptive, Pair, Trial
from geodrift.solvers.runge_kutta import Table, combine, embedded
from geodrift.solvers.solver import solvers, steady
from geodrift.state import State


@dataclass(frozen=True)
class Embedded(Pair):
    """A Runge–Kutta method with a second set of weights.

    Arguments:
        table: The better method; its last row is its weights.
        low: The weights of the other one.
        order: The order of the better one.
    """

    table: Table
    low: tuple[float, ...]
    order: int

    @property
    def calls(self) -> int:  # type: ignore[override]
        return len(self.table.a)

    def admit(self, process: Process, times: Tensor) -> None:
        for part in process.leaves.values():
            embedded(part.space)
        steady(process, times)
        process.admit(times)

    def clock(self, process: Process, t: Tensor) -> Tensor:
        return -t

    def time(self, process: Process, x: Tensor) -> Tensor:
        return -x

    def first(self, denoise: Denoise, z: Any, t: Tensor, cond: Conditions | None) -> Any:
        return denoise.process.velocity(denoise(z, t, cond), z, t)

    def trial(self, denoise: Denoise, z: Any, t: Tensor, s: Tensor, known: Any, cond: Conditions | None) -> Trial:
        space, slopes, h = denoise.process.space, [known], s - t
        factor = h if isinstance(z, State) else trailing(h, z)
        for row in self.table.a:
            there, when = space.retract(z, combine(row, slopes) * factor), t + sum(row) * h
            slopes.append(self.first(denoise, there, when, cond))
        high, low = (space.retract(z, combine(b, slopes) * factor) for b in (self.table.b, self.low))
        return Trial(high, low, slopes[-1])


BOSH3 = Embedded(
    Table(((1 / 2,), (0.0, 3 / 4), (2 / 9, 1 / 3, 4 / 9)), (2 / 9, 1 / 3, 4 / 9, 0.0)),
    (7 / 24, 1 / 4, 1 / 3, 1 / 8),
    3,
)
_FIFTH = (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84)
DOPRI5 = Embedded(
    Table(
        (
            (1 / 5,),
            (3 / 40, 9 / 40),
            (44 / 45, -56 / 15, 32 / 9),
            (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
            (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
            _FIFTH,
        ),
        (*_FIFTH, 0.0),
    ),
    (5179 / 57600, 0.0, 7571 / 16695, 393 / 640, -92097 / 339200, 187 / 2100, 1 / 40),
    5,
)


@solvers.register("bosh3")
def bosh3(rtol: Positive = 1e-3, atol: Positive = 1e-3) -> Adaptive:
    """Bogacki's and Shampine's pair of orders 3 and 2."""
    return Adaptive(BOSH3, rtol, atol)


@solvers.register("dopri5")
def dopri5(rtol: Positive = 1e-3, atol: Positive = 1e-3) -> Adaptive:
    """Dormand's and Prince's pair of orders 5 and 4."""
    return Adaptive(DOPRI5, rtol, atol)
