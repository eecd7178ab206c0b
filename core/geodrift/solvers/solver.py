r"""What moves a state: one step from time `t` to time `s < t`.

A solver asks a denoiser for predictions and the process of the denoiser for what they mean. Memory, where a method
needs it, goes in and out as `carry`; nothing is hidden in the solver.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor

from geodrift.denoiser import Conditions, Denoise
from geodrift.registry import role
from geodrift.rng import Streams


class Solver(ABC):
    """A rule for one step."""

    stages: int
    """Predictions asked for in one step."""

    def init(self, z: Any, rng: Streams) -> Any:
        """The memory before the first step; none for most methods."""
        return None

    @abstractmethod
    def step(
        self, denoise: Denoise, z: Any, t: Tensor, s: Tensor, carry: Any, rng: Streams, cond: Conditions | None = None
    ) -> tuple[Any, Any]:
        """Move `z` from `t` to `s`; returns the new state and the new memory."""


solvers = role("solver", Solver)
