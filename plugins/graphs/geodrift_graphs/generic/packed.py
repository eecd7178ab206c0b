r"""A graph as two short arrays, and many graphs as two padded ones.

Nodes are classes :math:`(n,)`, edges are classes :math:`(n (n - 1) / 2,)` in the packed order of
`geodrift.spaces.symmetric`: the pair :math:`(i, j)`, :math:`i < j`, at :math:`j (j - 1) / 2 + i`. Both are int8: a
data set of 250,000 drug-like molecules is 180 MB. Padding is a suffix, which makes cropping a slice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from geodrift.domain import Refusal

Classes = NDArray[np.int8]
MOST_NODES = 2048  # the state is dense in pairs of nodes
MOST_CLASSES = 127  # what int8 holds, counted from 0

Thing = TypeVar("Thing")
Result = TypeVar("Result")


class Unrepresentable(ValueError):
    """A molecule or graph that the arrays cannot hold; the message is the reason."""


class Packed(NamedTuple):
    """Classes of the nodes `(n,)` and of the unordered pairs `(n (n - 1) / 2,)`, int8."""

    nodes: Classes
    edges: Classes

    def links(self) -> list[tuple[int, int, int]]:
        """The edges that exist: nodes `i < j` and class."""
        position = np.flatnonzero(self.edges)
        j = ((1 + np.sqrt(1 + 8 * position)) / 2).astype(int)
        i = position - j * (j - 1) // 2
        return list(zip(i.tolist(), j.tolist(), self.edges[position].tolist(), strict=True))


@dataclass(frozen=True)
class Sifted(Generic[Result]):
    """What became of each of a list of things.

    Arguments:
        results: The results of those that had one.
        kept: Their positions in the list.
        refused: The others.
    """

    results: list[Result]
    kept: list[int]
    refused: list[Refusal]


def sift(things: Iterable[Thing], convert: Callable[[Thing], Result], name: Callable[[Thing], str]) -> Sifted[Result]:
    """Convert each thing, and set aside by name those that are unrepresentable."""
    sifted: Sifted[Result] = Sifted([], [], [])
    for index, thing in enumerate(things):
        try:
            sifted.results.append(convert(thing))
        except Unrepresentable as error:
            sifted.refused.append(Refusal(index, name(thing), str(error)))
        else:
            sifted.kept.append(index)
    return sifted


def pad(rows: Sequence[Classes], width: int) -> Tensor:
    """Rows of different length as one int8 tensor `(M, width)`, zeros after the end of each."""
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    table = np.zeros((len(rows), width), np.int8)
    if rows:
        table[np.arange(width) < lengths[:, None]] = np.concatenate(rows)
    return torch.from_numpy(table)


def frequencies(rows: Sequence[Classes], classes: int) -> tuple[float, ...]:
    """The share of each class among all entries of the rows; uniform when there are none."""
    counts = np.bincount(np.concatenate(rows) if rows else np.zeros(0, np.int8), minlength=classes)
    shares = counts / counts.sum() if counts.sum() else np.full(classes, 1 / classes)
    return tuple(shares.tolist())
