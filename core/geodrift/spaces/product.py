"""States: every field moves on a space of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from geodrift.spaces.space import Space
from geodrift.state import State


@dataclass(frozen=True)
class Product(Space[State]):
    """The product of the spaces of the fields."""

    parts: Mapping[str, Space[Tensor]]

    def project(self, z: State) -> State:
        return z.replace({name: self.parts[name].project(z[name]) for name in z})

    def tangent(self, z: State, v: State) -> State:
        return z.replace({name: self.parts[name].tangent(z[name], v[name]) for name in z})

    def exp(self, z: State, v: State) -> State:
        return z.replace({name: self.parts[name].exp(z[name], v[name]) for name in z})

    def log(self, z: State, y: State) -> State:
        return z.replace({name: self.parts[name].log(z[name], y[name]) for name in z})
