"""Classes: points without a neighbourhood, so every tangent is zero and only jumps move them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from geodrift.spaces.space import Space


@dataclass(frozen=True)
class Categorical(Space[Tensor]):
    """The classes `0 … classes - 1`, as integers."""

    classes: int
    embedded = True

    def project(self, z: Tensor) -> Tensor:
        return z.clamp(0, self.classes - 1)

    def tangent(self, z: Tensor, v: Tensor) -> Tensor:
        return torch.zeros_like(v)

    def exp(self, z: Tensor, v: Tensor) -> Tensor:
        return z

    def retract(self, z: Tensor, v: Tensor) -> Tensor:
        return z

    def log(self, z: Tensor, y: Tensor) -> Tensor:
        return torch.zeros_like(z)
