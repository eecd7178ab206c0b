r"""Explicit Runge–Kutta methods for the probability-flow ODE.

A method is a table: stage :math:`i` is evaluated at :math:`z + h \sum_j a_{ij} k_j` and time :math:`t + c_i h`, and
the step is :math:`z + h \sum_i b_i k_i`. On embedded spaces sums are ambient and projected, which keeps the order of
the table; elsewhere a step is one exponential map, which keeps the order two at most. Classes jump once, by the first
stage's prediction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from geodrift.denoiser import Conditions, Denoise
from geodrift.errors import InputError
from geodrift.processes import Process
from geodrift.rng import Streams
from geodrift.solvers.solver import Solver, continuous, solvers, steady
from geodrift.spaces import Space
from geodrift.state import State


@dataclass(frozen=True)
class Table:
    """The coefficients of an explicit Runge–Kutta method.

    Arguments:
        a: The rows below the diagonal, from the second stage on.
        b: Weights of the stages.
    """

    a: tuple[tuple[float, ...], ...]
    b: tuple[float, ...]


EULER = Table((), (1.0,))
MIDPOINT = Table(((0.5,),), (0.0, 1.0))
HEUN = Table(((1.0,),), (0.5, 0.5))
RK4 = Table(((0.5,), (0.0, 0.5), (0.0, 0.0, 1.0)), (1 / 6, 1 / 3, 1 / 3, 1 / 6))


def combine(weights: tuple[float, ...], slopes: list[Any]) -> Any:
    """The sum of the slopes of the stages, with these weights, in a memory of its own."""
    used = [(weight, slope) for weight, slope in zip(weights, slopes, strict=True) if weight]
    (first, start), rest = used[0], used[1:]

    def total(slope: Tensor, *others: Tensor) -> Tensor:
        out = slope * first
        for (weight, _), other in zip(rest, others, strict=True):
            out = out.add_(other, alpha=weight)
        return out

    others = [slope for _, slope in rest]
    return start.map(total, *others) if isinstance(start, State) else total(start, *others)


def embedded(space: Space[Any]) -> None:
    """Raise `InputError` where sums of tangents mean nothing."""
    if not space.embedded:
        raise InputError(f"{space} is not embedded, so a method of more than two stages has order 2 there; choose heun")


@dataclass(frozen=True)
class RungeKutta(Solver):
    """An explicit Runge–Kutta method.

    Arguments:
        table: Its coefficients.
    """

    table: Table

    @property
    def stages(self) -> int:  # type: ignore[override]
        return len(self.table.b)

    def admit(self, process: Process, times: Tensor) -> None:
        fields = continuous(process, "a Runge–Kutta method")
        if self.stages > 2:
            for part in fields.values():
                embedded(part.space)
        steady(process, times)
        super().admit(process, times)

    def step(
        self, denoise: Denoise, z: Any, t: Tensor, s: Tensor, carry: Any, rng: Streams, cond: Conditions | None = None
    ) -> tuple[Any, Any]:
        process, h = denoise.process, s - t
        moved, slope = self._first(denoise, z, t, s, rng, cond)
        slopes = [slope]
        for row in self.table.a:
            there, when = process.space.retract(z, combine(row, slopes) * h), t + sum(row) * h
            slopes.append(process.velocity(denoise(there, when, cond), there, when))
            del there
        drift = combine(self.table.b, slopes) * h
        del slope, slopes
        return process.space.retract(moved, drift), carry

    def _first(
        self, denoise: Denoise, z: Any, t: Tensor, s: Tensor, rng: Streams, cond: Conditions | None
    ) -> tuple[Any, Any]:
        """The state with its classes moved, and the first slope; the prediction, which is large, ends here."""
        process, p = denoise.process, denoise(z, t, cond)
        return process.jump(p, z, t, s, rng), process.velocity(p, z, t)


@solvers.register("euler")
def euler() -> RungeKutta:
    """Euler's method, order 1."""
    return RungeKutta(EULER)


@solvers.register("midpoint")
def midpoint() -> RungeKutta:
    """The midpoint method, order 2."""
    return RungeKutta(MIDPOINT)


@solvers.register("heun")
def heun() -> RungeKutta:
    """Heun's method, order 2."""
    return RungeKutta(HEUN)


@solvers.register("rk4")
def rk4() -> RungeKutta:
    """The classical method, order 4; in `sample` the last interval, which belongs to the process, limits it to 2."""
    return RungeKutta(RK4)
