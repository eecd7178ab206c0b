r"""Atoms on the positions of a space group: which orbits a composition may take.

An orbit of atoms of one element fills all points of a position. Numbers of atoms are then sums of multiplicities; a
position without freedom is taken once at most, the others any number of times. Ways to place a composition are counted
from the last position to the first, and one of them is chosen evenly by its rank.
"""

from __future__ import annotations

from functools import cache, cached_property

from geodrift_crystals.groups.positions import positions

Placement = tuple[tuple[int, int], ...]
"""Orbits, each a position of the group and an element of the composition, by their places."""

Counts = tuple[int, ...]


class Placements:
    """All ways to place atoms.

    Arguments:
        number: Of the space group.
        counts: Atoms of each element in the primitive cell.
        least: The number of orbits that there are at least.
    """

    def __init__(self, number: int, counts: Counts, least: int = 0) -> None:
        self.number, self.counts, self.least = number, counts, least
        self._sites = [(position.multiplicity, position.rank > 0) for position in positions(number)]
        self._ways = cache(self._count)

    @cached_property
    def total(self) -> int:
        """How many ways there are."""
        return self._ways(0, 0, self.counts, self.least)

    def at(self, rank: int) -> Placement:
        """The way with this rank, from 0."""
        place, element, counts, least = 0, 0, self.counts, self.least
        orbits: list[tuple[int, int]] = []
        while place < len(self._sites):
            taken = self._taken(place, element, counts, least)
            ways = self._ways(*taken) if taken else 0
            if taken and rank < ways:
                orbits.append((place, element))
                place, element, counts, least = taken
            else:
                rank -= ways
                place, element = self._next(place, element)
        return tuple(orbits)

    def _count(self, place: int, element: int, counts: Counts, least: int) -> int:
        """Ways to place what is left on this position, by this element or a later one, and on the positions after."""
        if place == len(self._sites):
            return int(not any(counts) and not least)
        taken = self._taken(place, element, counts, least)
        return (self._ways(*taken) if taken else 0) + self._ways(*self._next(place, element), counts, least)

    def _taken(self, place: int, element: int, counts: Counts, least: int) -> tuple[int, int, Counts, int] | None:
        """What is left when the element takes the position, if it has the atoms."""
        size, again = self._sites[place]
        if counts[element] < size:
            return None
        left = (*counts[:element], counts[element] - size, *counts[element + 1 :])
        return *((place, element) if again else (place + 1, 0)), left, max(least - 1, 0)

    def _next(self, place: int, element: int) -> tuple[int, int]:
        return (place, element + 1) if element + 1 < len(self.counts) else (place + 1, 0)


@cache
def placements(number: int, counts: Counts, least: int = 0) -> Placements:
    """All ways to place atoms, counted once."""
    return Placements(number, counts, least)
