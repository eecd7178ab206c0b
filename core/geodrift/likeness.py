r"""Samples that are like given objects in what holds exactly: crystals of the same compositions, graphs of equal size.

Objects are asked for one after another, and again from the first: sample `i` is like object `i mod n`, whatever the
batches. So a run of `k n` samples has `k` of each object, and begins with the run of `n` samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from geodrift.conditioning import Asked
from geodrift.domain import Codec, Domain, Refusal
from geodrift.errors import InputError, unknown


@dataclass(frozen=True)
class Rows:
    """Values of a condition for one sample after another, `(n, ...)`: sample `i` has row `i mod n`."""

    values: Tensor

    def __len__(self) -> int:
        return len(self.values)

    def at(self, numbers: range) -> Tensor:
        """The values of the samples with these numbers, `(B, ...)`."""
        return self.values[torch.arange(numbers.start, numbers.stop) % len(self.values)]


Wanted = Mapping[str, Asked | Rows]
"""What to ask for, by the name of the condition: of all samples, or of one after another."""


def conditions(codec: Codec, numbers: range, values: Wanted) -> dict[str, Tensor]:
    """The conditions of the samples with these numbers, `(B,)` each; exact ones may have more axes.

    Raises:
        InputError: For a condition that the codec does not know, or a value that cannot be had.
    """
    known = [*codec.scales, *codec.exact]
    for name in values:
        if name not in known:
            raise unknown("condition", name, known)
    return {name: _values(codec, name, value, numbers) for name, value in values.items()}


def _values(codec: Codec, name: str, value: Asked | Rows, numbers: range) -> Tensor:
    if isinstance(value, Rows):
        return value.at(numbers)
    one = codec.ask(name, value)
    return one.expand(len(numbers), *one.shape)


@dataclass(frozen=True)
class Likeness:
    """The objects that samples are to be like; none by default, which asks for nothing.

    Arguments:
        domain: Of the objects.
        things: Those of the objects given that can be asked for.
        kept: The position of each among the objects given.
        rows: Their conditions, by name.
        refused: The others.
        path, where: The file that they are from, and which rows of it.
    """

    domain: Domain | None = None
    things: Sequence[Any] = ()
    kept: Sequence[int] = ()
    rows: Mapping[str, Rows] = field(default_factory=dict)
    refused: Sequence[Refusal] = ()
    path: Path | None = None
    where: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        domain: Domain,
        codec: Codec,
        objects: Sequence[Any],
        path: Path | None = None,
        where: Mapping[str, str] | None = None,
    ) -> Self:
        """What samples like these objects, where there are any, are asked for.

        Raises:
            InputError: When nothing about the objects can be asked for.
        """
        if len(objects) == 0:
            return cls()
        if not hasattr(codec, "alike"):
            raise InputError(f"{domain.name}: samples like given objects cannot be asked for; use conditions")
        found = codec.alike(objects)
        if not found.kept:
            first = found.refused[0]
            raise InputError(f"{path or 'like'}: this model knows none of the objects; the first: {_told(first)}")
        rows = {name: Rows(values) for name, values in found.arrays.items()}
        chosen = [objects[index] for index in found.kept]
        return cls(domain, chosen, found.kept, rows, found.refused, path, where or {})

    def numbers(self, n: int) -> range:
        """The numbers of `n` samples, or of `n` for each object."""
        return range(n * max(1, len(self.things)))

    def joined(self, values: Mapping[str, Asked]) -> Wanted:
        """These conditions, with those that the objects give.

        Raises:
            InputError: When the objects give one of them already.
        """
        for name in values.keys() & self.rows.keys():
            told = value if isinstance(value := values[name], str) else f"{value:g}"
            raise InputError(f"condition {name}={told}: each object that samples are to be like has its own")
        return {**values, **self.rows}

    def noted(self, samples: Sequence[Any]) -> list[Any]:
        """The samples, from the first, each with a note which object it is to be like, where the domain has notes."""
        note = getattr(self.domain, "answering", None)
        if not self.things or note is None:
            return list(samples)
        count = len(self.things)
        return [note(sample, self.things[i % count], self.kept[i % count]) for i, sample in enumerate(samples)]

    def described(self) -> dict[str, Any] | None:
        """The objects in a few JSON values."""
        if not self.things:
            return None
        told = {"path": str(self.path) if self.path else "", "where": dict(self.where)}
        return {**told, "count": len(self.things), "refused": [_told(refusal) for refusal in self.refused]}


def _told(refusal: Refusal) -> str:
    return f"{refusal.index}: {refusal.name}: {refusal.reason}"
