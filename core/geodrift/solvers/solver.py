r"""What moves a state: one step from time `t` to time `s < t`.

A solver asks a denoiser for predictions and the process of the denoiser for what they mean. Memory, where a method
needs it, goes in and out as `carry`; nothing is hidden in the solver.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor

from geodrift.denoiser import Conditions, Denoise
from geodrift.errors import InputError
from geodrift.processes import Flow, Process, has_score
from geodrift.registry import role
from geodrift.rng import Streams


class Solver(ABC):
    """A rule for one step."""

    stages: int
    """Predictions asked for in one step."""

    def admit(self, process: Process, times: Tensor) -> None:
        """Raise `InputError` where the method cannot move this process on these times."""
        process.admit(times)

    def init(self, z: Any, rng: Streams) -> Any:
        """The memory before the first step; none for most methods."""
        return None

    @abstractmethod
    def step(
        self, denoise: Denoise, z: Any, t: Tensor, s: Tensor, carry: Any, rng: Streams, cond: Conditions | None = None
    ) -> tuple[Any, Any]:
        """Move `z` from `t` to `s`; returns the new state and the new memory."""


solvers = role("solver", Solver)


def continuous(process: Process, solver: str) -> dict[str, Flow]:
    """The real fields of a process, by name.

    Raises:
        InputError: When there is none for the solver to move.
    """
    found = {name: part for name, part in process.leaves.items() if isinstance(part, Flow)}
    if not found:
        raise InputError(f"{solver} moves real fields and this process has none; use ancestral, or ctmc for classes")
    return found


def scored(process: Process, solver: str) -> None:
    """Raise `InputError` where a real field of the process has no score, which the solver needs."""
    for name, part in continuous(process, solver).items():
        if not has_score(part):
            field = f"field {name}" if name else "this process"
            raise InputError(f"{solver} needs a score and {field} ({part}) has none; use an ODE solver, such as heun")


def steady(process: Process, times: Tensor) -> None:
    """Raise `InputError` where a velocity, which the solver needs, is infinite at one of these times."""
    for part in process.leaves.values():
        if isinstance(part, Flow):
            part.steady(times)
