"""What training minimises, as a number for each batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

from torch import Tensor

from geodrift.denoiser import Conditions, Denoiser
from geodrift.registry import role
from geodrift.rng import Streams


class Loss(NamedTuple):
    """The number to minimise and the mean error of each field."""

    total: Tensor
    parts: dict[str, Tensor]


class Objective(ABC):
    """A loss of a denoiser on a batch."""

    @abstractmethod
    def __call__(self, denoiser: Denoiser, x: Any, cond: Conditions, rng: Streams) -> Loss:
        """The loss on data `x` with conditions, `(B,)` each, and one stream for each sample."""


objectives = role("objective", Objective)
