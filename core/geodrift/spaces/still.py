"""Points that nothing moves: every tangent is zero."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from geodrift.spaces.space import Space


@dataclass(frozen=True)
class Still(Space[Tensor]):
    """Values of any type, each of them alone."""

    embedded = True

    def project(self, z: Tensor) -> Tensor:
        return z

    def tangent(self, z: Tensor, v: Tensor) -> Tensor:
        return torch.zeros_like(v)

    def exp(self, z: Tensor, v: Tensor) -> Tensor:
        return z

    def retract(self, z: Tensor, v: Tensor) -> Tensor:
        return z

    def log(self, z: Tensor, y: Tensor) -> Tensor:
        return torch.zeros_like(z)
