r"""Atoms on the positions of a space group, in general places: a structure that shows which atom is whose image.

What is free of the :math:`k`-th orbit is moved by the :math:`k`-th point of an additive recurrence,
:math:`k\,(g^{-1}, g^{-2}, g^{-3}) \bmod 1` with :math:`g^4 = g + 1`, which comes near to no other and to no special
position.

References:
    | The Unreasonable Effectiveness of Quasirandom Sequences (Roberts, 2018), https://extremelearning.com.au/unreasonable-effectiveness-of-quasirandom-sequences/
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from geodrift_crystals.groups.operations import Floats, operations
from geodrift_crystals.groups.positions import positions

Ints = NDArray[np.int64]

_RATIO = 1.2207440846057596
_STEPS = _RATIO ** -np.arange(1.0, 4.0)
_DIGITS = 9


@cache
def orbit(number: int, place: int, which: int) -> Floats:
    """The points `(multiplicity, 3)` of an orbit on a position of a space group, a different one for each `which`."""
    found: Floats = images(number, place, np.array([which]))[0]
    return found


def images(number: int, place: int, which: Ints) -> Floats:
    """The points `(n, multiplicity, 3)` of these orbits `(n,)` on a position of a space group."""
    position, group = positions(number)[place], operations(number)
    starts = position.point + ((which[:, None] + 1) * _STEPS % 1) @ position.free.T
    moved = (starts @ group.rotations.mT + group.translations[:, None]).swapaxes(0, 1) % 1
    _, first = np.unique(np.round(moved[0], _DIGITS) % 1, axis=0, return_index=True)
    if len(first) != position.multiplicity:
        raise AssertionError(f"orbit {which[0]} of position {place} of space group {number} is not in a general place")
    points: Floats = moved[:, np.sort(first)]
    return points
