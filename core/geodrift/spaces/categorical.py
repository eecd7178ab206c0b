"""Classes: points without a neighbourhood, so every tangent is zero and only jumps move them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from geodrift.spaces.still import Still


@dataclass(frozen=True)
class Categorical(Still):
    """The classes `0 … classes - 1`, as integers."""

    classes: int

    def project(self, z: Tensor) -> Tensor:
        return z.clamp(0, self.classes - 1)
