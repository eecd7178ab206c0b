r"""Elements of a chemical system on orbits of atoms, so that there is no charge.

An orbit has one element, so that the positions of a space group leave some numbers of atoms only. What orbits can make
is found orbit by orbit, one way to each composition.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np

from geodrift_crystals.conditions.neutral import neutral
from geodrift_crystals.groups.placements import Placement, Placements
from geodrift_crystals.groups.positions import positions

_TRIED = 64  # ways to place atoms, of possibly millions


@cache
def balanced(names: tuple[str, ...], given: tuple[int, ...], orbits: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """Elements of orbits, by their places among the names, with which all occur and the whole is neutral.

    Arguments:
        names: Of the elements.
        given: How many atoms of each there are besides.
        orbits: The number of atoms of each orbit.
    """
    found: dict[tuple[int, ...], tuple[int, ...]] = {given: ()}
    for size in orbits:
        found = {
            (*counts[:k], counts[k] + size, *counts[k + 1 :]): (*way, k)
            for counts, way in found.items()
            for k in range(len(names))
        }
    return tuple(
        way for counts, way in found.items() if all(counts) and neutral(tuple(zip(names, counts, strict=True)))
    )


def tried(ways: Placements, start: float = 0.0) -> Iterator[Placement]:
    """Some of all ways, evenly spread, from this share of them on; always the same, in turn."""
    ranks = np.unique(np.linspace(0, ways.total - 1, _TRIED).round().astype(int)).tolist()
    first = int(start * len(ranks))
    yield from (ways.at(rank) for rank in ranks[first:] + ranks[:first])


def multiplicities(group: int, way: Placement) -> tuple[int, ...]:
    """The numbers of atoms of the orbits of a space group."""
    return tuple(positions(group)[place].multiplicity for place, _ in way)
