r"""The real fields of a batch as vectors, one a sample.

Jacobians, loops and residuals are about vectors :math:`v \in \mathbb R^{B \times D}`. A tensor is flattened; the chosen
fields of a state are laid side by side, padded fields without what does not exist and ragged ones padded. Going to
vectors and back is linear, so that gradients pass through.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geodrift.errors import InputError
from geodrift.layout import Dense, Layout, Ragged
from geodrift.state import State


@dataclass(frozen=True, eq=False)
class Flat:
    """A way from a batch to vectors and back.

    Arguments:
        like: A tensor `(B, ...)`, or a state with the layouts and the values of the fields that are not moved.
        names: The fields that are.
    """

    like: Any
    names: tuple[str, ...]

    @classmethod
    def of(cls, z: Tensor | State, names: Iterable[str] | None = None) -> Flat:
        """For a batch shaped like `z`: these fields, by default all that hold real numbers.

        Raises:
            InputError: When there is no real field.
        """
        fields = _fields(z)
        chosen = tuple(fields if names is None else names)
        real = tuple(name for name in chosen if fields[name].is_floating_point())
        if not real:
            raise InputError(f"no real field among {', '.join(fields)}; vectors are made of real numbers")
        return cls(z, real)

    def join(self, z: Tensor | State) -> Tensor:
        """The vectors `(B, D)` of a batch."""
        fields = _fields(z)
        return torch.cat([_padded(fields[name], self._layout(name)).flatten(1) for name in self.names], 1)

    def split(self, v: Tensor) -> Any:
        """The batch with these vectors; fields that are not moved stay as they are in `like`."""
        fields = _fields(self.like)
        shapes = [_padded(fields[name], self._layout(name)).shape for name in self.names]
        pieces = torch.split(v, [shape[1:].numel() for shape in shapes], 1)
        found = {
            name: _unpadded(piece.reshape(shape), self._layout(name))
            for name, piece, shape in zip(self.names, pieces, shapes, strict=True)
        }
        return self.like.replace(found) if isinstance(self.like, State) else found[""]

    def take(self, v: Tensor) -> Any:
        """The fields that are moved alone, with these vectors."""
        full = self.split(v)
        return State({name: full[name] for name in self.names}, full.layouts) if isinstance(full, State) else full

    def _layout(self, name: str) -> Layout:
        return self.like.layouts[name] if isinstance(self.like, State) else Dense()


def _fields(z: Tensor | State) -> Mapping[str, Tensor]:
    return z if isinstance(z, State) else {"": z}


def _padded(z: Tensor, layout: Layout) -> Tensor:
    if not isinstance(layout, Ragged):
        return layout.mask(z)
    places = layout.places()
    longest = int(places.max()) + 1 if len(places) else 0
    return z.new_zeros(layout.count, longest, *z.shape[1:]).index_put((layout.index, places), z)


def _unpadded(z: Tensor, layout: Layout) -> Tensor:
    return z[layout.index, layout.places()] if isinstance(layout, Ragged) else layout.mask(z)
