"""What every network on channels is, and the table of their kinds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor, nn

from geodrift.registry import Role


class Body(nn.Module, ABC):
    """Answers channels with channels; at the beginning with zero.

    Arguments of the call:
        inputs: `(B, I, X', Y', Z')`.
        t: Times in [0, 1], `(B,)`.
        told: What is known of each subject, standard numbers and flags, `(B, F)`.

    Attributes:
        anywhere: Whether it answers volumes of any size that it can divide as it divides its `places`.
    """

    anywhere: ClassVar[bool] = False

    @abstractmethod
    def forward(self, inputs: Tensor, t: Tensor, told: Tensor) -> Tensor:
        """The answer, `(B, O, X', Y', Z')`."""


networks = Role("network")
"""Parts that are given `inputs`, `outputs` and `told`, the numbers of channels, and `places`, the sides."""
