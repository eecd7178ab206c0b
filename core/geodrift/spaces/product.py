"""States: every field moves on a space of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from geodrift.rng import Streams
from geodrift.spaces.space import Space
from geodrift.state import State


@dataclass(frozen=True)
class Product(Space[State]):
    """The product of the spaces of the fields; elements that do not exist are zero, which need not be a point."""

    parts: Mapping[str, Space[Tensor]]

    def _map(self, z: State, move: Callable[[Space[Tensor], str], Tensor]) -> State:
        layouts = z.layouts
        return z.replace({name: layouts[name].mask(move(self.parts[name].on(layouts[name]), name)) for name in z})

    @property
    def embedded(self) -> bool:  # type: ignore[override]
        return all(part.embedded for part in self.parts.values())

    def project(self, z: State) -> State:
        return self._map(z, lambda part, name: part.project(z[name]))

    def tangent(self, z: State, v: State) -> State:
        return self._map(z, lambda part, name: part.tangent(z[name], v[name]))

    def exp(self, z: State, v: State) -> State:
        return self._map(z, lambda part, name: part.exp(z[name], v[name]))

    def log(self, z: State, y: State) -> State:
        return self._map(z, lambda part, name: part.log(z[name], y[name]))

    def uniform(self, like: State, rng: Streams) -> State:
        return self._map(like, lambda part, name: part.uniform(like[name], rng.on(like.layouts[name])))

    def retract(self, z: State, v: State) -> State:
        return self._map(z, lambda part, name: part.retract(z[name], v[name]))
