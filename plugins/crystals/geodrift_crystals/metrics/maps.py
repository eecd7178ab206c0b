r"""Maps of one lattice onto another: bases of its vectors that have about the lengths and angles of the other's."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_POINTS = 2**18  # of a lattice that are looked at


def maps(mine: Floats, theirs: Floats, length: float, angle: float) -> Floats:
    """Bases of one lattice, `(M, 3, 3)`, that are like the basis of the other and span the same volume.

    Raises:
        ArithmeticError: When the lattice is so flat that its vectors are too many.
    """
    lengths = np.linalg.norm(theirs, axis=1)
    whole = _whole(lengths.max() * (1 + length) * np.linalg.norm(np.linalg.inv(mine), axis=0))
    points = whole @ mine
    sizes = np.linalg.norm(points, axis=1)
    a, b, c = (np.nonzero(np.abs(sizes / size - 1) <= length)[0] for size in lengths)
    ab = _alike(points, sizes, a, b, _angle(theirs[0], theirs[1]), angle)
    bc = _alike(points, sizes, b, c, _angle(theirs[1], theirs[2]), angle)
    ac = _alike(points, sizes, a, c, _angle(theirs[0], theirs[2]), angle)
    pairs = [np.nonzero(ab[i][:, None] & bc & ac[i]) for i in range(len(a))]
    chosen = np.array([(a[i], b[j], c[k]) for i, found in enumerate(pairs) for j, k in zip(*found, strict=True)])
    chosen = chosen.reshape(-1, 3).astype(int)
    found: Floats = points[chosen[np.abs(np.abs(np.linalg.det(whole[chosen])) - 1) < 0.5]]
    return found


def _whole(reach: Floats) -> Floats:
    """Whole numbers up to these on three axes, `(P, 3)`."""
    most = np.floor(reach + 1e-9)
    if np.prod(2 * most + 1) > _POINTS:
        raise ArithmeticError("a lattice too flat to be compared")
    axes = [np.arange(-n, n + 1) for n in most]
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)


def _alike(points: Floats, sizes: Floats, one: Any, other: Any, wanted: float, angle: float) -> Flags:
    """Whether pairs of vectors have about the angle that is wanted, degrees."""
    cosines = points[one] @ points[other].T / sizes[one][:, None] / sizes[other]
    found: Flags = np.abs(np.degrees(np.arccos(np.clip(cosines, -1, 1))) - wanted) < angle
    return found


def _angle(one: Floats, other: Floats) -> float:
    cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
