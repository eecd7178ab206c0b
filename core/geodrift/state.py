r"""The named tensors of one batch.

A state adds and scales as one vector, so that a solver is written once and reads as the mathematics, whether it moves
one tensor or the nodes and edges of a graph together.
"""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import Any

import torch
from torch import Tensor

from geodrift.errors import InputError
from geodrift.layout import Dense, Layout

_DENSE = Dense()


class State(Mapping[str, Tensor]):
    """Named tensors of one batch, each with its layout.

    Arguments:
        fields: Tensors by name.
        layouts: Layouts by name; a field without one is `Dense`.
    """

    def __init__(self, fields: Mapping[str, Tensor], layouts: Mapping[str, Layout] | None = None) -> None:
        self._fields = dict(fields)
        given = layouts or {}
        self.layouts: dict[str, Layout] = {name: given.get(name, _DENSE) for name in self._fields}

    def __getitem__(self, name: str) -> Tensor:
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    # Those of the mapping itself are made of the three above, ten times as slow.
    def keys(self) -> KeysView[str]:
        return self._fields.keys()

    def values(self) -> ValuesView[Tensor]:
        return self._fields.values()

    def items(self) -> ItemsView[str, Tensor]:
        return self._fields.items()

    def __repr__(self) -> str:
        return f"State({', '.join(f'{name}: {tuple(z.shape)}' for name, z in self.items())})"

    @property
    def device(self) -> torch.device:
        return next(iter(self.values())).device

    @property
    def samples(self) -> int:
        """The number of samples of the batch, `B`."""
        name = next(iter(self._fields))
        return self.layouts[name].samples(self._fields[name])

    def check(self) -> State:
        """The state, when its fields can be computed with together.

        Raises:
            InputError: When fields are on different devices, or real fields have different types.
        """
        _alike({name: z.device for name, z in self.items()}, "is on", "state.to(device)")
        real = {name: z.dtype for name, z in self.items() if z.is_floating_point()}
        _alike(real, "has the type", "one type for all real fields")
        return self

    def replace(self, fields: Mapping[str, Tensor]) -> State:
        """The same state with these fields exchanged."""
        return State({**self._fields, **fields}, self.layouts)

    def map(self, function: Callable[..., Tensor], *others: Mapping[str, Any]) -> State:
        """Apply `function` field by field, to this state and the same fields of `others`."""
        fields = {name: function(z, *(other[name] for other in others)) for name, z in self.items()}
        return State(fields, self.layouts)

    def to(self, device: torch.device | str) -> State:
        """The state on another device."""
        fields = {name: z.to(device) for name, z in self.items()}
        return State(fields, {name: layout.map(lambda v: v.to(device)) for name, layout in self.layouts.items()})

    def masked(self) -> State:
        """The state with the elements that do not exist set to zero."""
        return State({name: self.layouts[name].mask(z) for name, z in self.items()}, self.layouts)

    def _combine(self, other: Any, function: Callable[[Tensor, Any], Tensor]) -> State:
        if isinstance(other, Mapping):
            return self.map(function, other)
        if isinstance(other, Tensor) and other.ndim == 1:
            fields = {name: function(z, self.layouts[name].expand(other, z)) for name, z in self.items()}
            return State(fields, self.layouts)
        return self.map(lambda z: function(z, other))

    def __add__(self, other: Any) -> State:
        return self._combine(other, torch.add)

    def __sub__(self, other: Any) -> State:
        return self._combine(other, torch.sub)

    def __mul__(self, other: Any) -> State:
        return self._combine(other, torch.mul)

    def __truediv__(self, other: Any) -> State:
        return self._combine(other, torch.div)

    def __neg__(self) -> State:
        return self.map(torch.neg)

    __radd__ = __add__
    __rmul__ = __mul__


def _alike(kinds: Mapping[str, Any], verb: str, remedy: str) -> None:
    first, *rest = kinds or [""]
    for name in rest:
        if kinds[name] != kinds[first]:
            raise InputError(f"field {name} {verb} {kinds[name]} and field {first} {verb} {kinds[first]}; use {remedy}")
