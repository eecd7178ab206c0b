r"""The special positions of a space group (Wyckoff positions), found from its operations.

The points that some operations leave where they are form a point, a line, a plane or the whole cell,
:math:`\{p + P v\}`: :math:`P`, the mean of the rotations that stay, projects onto the directions that are free. As
:math:`P` has rank 2 only for a mirror plane, rank 1 only on the axis of a rotation and rank 0 only where an
(improper) rotation has one fixed point or two axes meet, all of them are the solutions of

.. math:: (I - W) f = w + n, \qquad n \in \mathbb{Z}^3,

for one operation, or where two lines of such solutions meet. Two of them are one position if an operation carries one
to the other. All 230 groups together have 1,731 positions.

References:
    | International Tables for Crystallography A (2016), chapter 1.4, https://doi.org/10.1107/97809553602060000114
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np

from geodrift_crystals.groups.operations import Floats, Operations, operations

_CLOSE = 1e-6
_NEAR = np.array(list(product((-1, 0, 1), repeat=3)), np.float64)
_BOX = np.array(list(product((-2, -1, 0, 1, 2), repeat=3)), np.float64)
_ANYWHERE = np.array([0.3719, 0.1847, 0.4361])  # a point without symmetry
_GRID = 48  # points where lines meet have coordinates that are multiples of 1/48


@dataclass(frozen=True, eq=False)
class Position:
    """A special or general position.

    Arguments:
        point: One of its points, `(3,)`.
        free: The projector onto the directions in which the point may move, `(3, 3)`.
        multiplicity: How many points of a primitive cell the operations make of one.
    """

    point: Floats
    free: Floats
    multiplicity: int

    @property
    def rank(self) -> int:
        """The number of free directions; a position without any is taken by one orbit of atoms only."""
        return round(float(np.trace(self.free)))


@cache
def positions(number: int) -> tuple[Position, ...]:
    """The positions of a space group, those with the least freedom first."""
    group = operations(number)
    found: list[Position] = []
    for point in _candidates(group):
        kept = group.keeping(point)
        free = group.rotations[kept].mean(0)
        position = Position(point % 1, free, len(kept) // int(kept.sum()))
        if not any(_is_image(group, position, other) for other in found):
            found.append(position)
    return tuple(sorted(found, key=lambda position: (position.rank, position.multiplicity)))


def _candidates(group: Operations) -> Iterator[Floats]:
    """Points of all positions, in general places of them."""
    lines: list[tuple[Floats, Floats]] = []
    for rotation, translation in zip(group.rotations, group.translations, strict=True):
        moved = np.eye(3) - rotation
        wanted = translation + _NEAR
        solved = wanted @ np.linalg.pinv(moved).T
        for point in solved[np.abs(solved @ moved.T - wanted).max(1) < _CLOSE] if moved.any() else ():
            directions = np.linalg.svd(moved)[2][np.linalg.matrix_rank(moved, _CLOSE) :]
            yield point + _ANYWHERE[: len(directions)] @ directions
            lines += [(point, directions[0])] if len(directions) == 1 else []
    yield from _crossings(_distinct(lines))
    yield _ANYWHERE


def _distinct(lines: list[tuple[Floats, Floats]]) -> list[tuple[Floats, Floats]]:
    """The lines that no translation of the lattice carries into one before."""
    kept: list[tuple[Floats, Floats]] = []
    for point, way in lines:
        parallel = [at for at, other in kept if np.abs(np.cross(way, other)).max() < _CLOSE]
        if not any((np.abs(np.cross(point - at + _BOX, way)).max(1) < _CLOSE).any() for at in parallel):
            kept.append((point, way))
    return kept


def _crossings(lines: list[tuple[Floats, Floats]]) -> Floats:
    """The points of the cell where two lines meet, or images of them."""
    if not lines:
        return np.zeros((0, 3))
    points, ways = (np.array(part) for part in zip(*lines, strict=True))
    i, j = np.triu_indices(len(lines), 1)
    crossing = np.abs(np.cross(ways[i], ways[j])).max(1) > _CLOSE
    i, j = i[crossing], j[crossing]
    both = np.stack([ways[i], -ways[j]], -1)
    wanted = (points[j] - points[i])[:, None] + _BOX
    steps = np.einsum("pab,pnb->pna", np.linalg.pinv(both), wanted)
    pair, image = np.nonzero(np.abs(np.einsum("pab,pnb->pna", both, steps) - wanted).max(-1) < _CLOSE)
    met = points[i[pair]] + steps[pair, image, :1] * ways[i[pair]]
    crossings: Floats = np.unique(np.rint(met % 1 * _GRID) % _GRID / _GRID, axis=0)
    return crossings


def _is_image(group: Operations, one: Position, other: Position) -> bool:
    """Whether an operation carries one position to the other."""
    if one.multiplicity != other.multiplicity or one.rank != other.rank:
        return False
    turned = group.rotations @ one.free @ np.linalg.inv(group.rotations)
    alike = np.abs(turned - other.free).max((1, 2)) < _CLOSE
    way = group.images(one.point)[alike] - other.point
    across = np.eye(3) - other.free
    missed = (way - np.rint(way))[:, None] @ across.T + _BOX @ across.T
    return bool((np.abs(missed).max(-1) < _CLOSE).any())
