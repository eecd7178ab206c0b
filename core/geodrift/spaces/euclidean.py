"""Vectors: straight lines, no constraint."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from geodrift.spaces.space import Space


@dataclass(frozen=True)
class Euclidean(Space[Tensor]):
    """A vector space."""

    embedded = True

    def project(self, z: Tensor) -> Tensor:
        return z

    def tangent(self, z: Tensor, v: Tensor) -> Tensor:
        return v

    def exp(self, z: Tensor, v: Tensor) -> Tensor:
        return z + v

    def log(self, z: Tensor, y: Tensor) -> Tensor:
        return y - z
