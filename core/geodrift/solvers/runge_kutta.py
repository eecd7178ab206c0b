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
from geodrift.solvers.solver import Solver, continuous, solvers
from geodrift.spaces import Space


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
    """The sum of the slopes of the stages, with these weights."""
    terms = [slope * weight for weight, slope in zip(weights, slopes, strict=True) if weight]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _embedded(space: Space[Any]) -> None:
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
                _embedded(part.space)
        super().admit(process, times)

    def step(
        self, denoise: Denoise, z: Any, t: Tensor, s: Tensor, carry: Any, rng: Streams, cond: Conditions | None = None
    ) -> tuple[Any, Any]:
        process, h = denoise.process, s - t
        first = denoise(z, t, cond)
        slopes = [process.velocity(first, z, t)]
        for row in self.table.a:
            there, when = process.space.retract(z, combine(row, slopes) * h), t + sum(row) * h
            slopes.append(process.velocity(denoise(there, when, cond), there, when))
        moved = process.jump(first, z, t, s, rng)
        return process.space.retract(moved, combine(self.table.b, slopes) * h), carry


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
