r"""How much room atoms have on positions of a space group, before a cell is known.

Orbits are placed one after another, those with the least freedom first, each at the best of some points of an additive
recurrence: farthest from its own images and from the atoms before. The cell has equal edges and the angles of its
family; the least distance is told in units of :math:`(V / n)^{1/3}`, the edge of the cube that each atom has of it: 1
for a simple cubic lattice, 0.85 for a perovskite, and at most 0.34 for five atoms on one edge.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product

import numpy as np

from geodrift_crystals.groups.examples import images
from geodrift_crystals.groups.operations import Floats, family, primitive
from geodrift_crystals.groups.positions import positions

_HEXAGONAL = np.array([[1, 0, 0], [-0.5, 0.75**0.5, 0], [0, 0, 1]])
_NEAR = np.array(list(product((-1, 0, 1), repeat=3)), np.float64)
_POINTS = 16


@lru_cache(maxsize=2**14)
def room(number: int, places: tuple[int, ...]) -> float:
    """The least distance between atoms on these positions of a space group, see above."""
    basis = primitive(number) @ (_HEXAGONAL if family(number) == "hexagonal" else np.eye(3))
    atoms, least = np.zeros((0, 3)), float(np.linalg.norm(_NEAR[_NEAR.any(1)] @ basis, axis=1).min())
    for place in sorted(places):
        points = images(number, place, np.arange(_POINTS) if positions(number)[place].rank else np.arange(1))
        others = np.concatenate([points[:, 1:], np.broadcast_to(atoms, (len(points), *atoms.shape))], 1)
        apart = _shortest(((points[:, :1] - others) % 1)[:, :, None] @ basis + _NEAR @ basis)
        best = int(apart.argmax())
        atoms, least = np.concatenate([atoms, points[best]]), min(least, float(apart[best]))
    volume = float(abs(np.linalg.det(basis)))
    return float(least / (volume / len(atoms)) ** (1 / 3))


def _shortest(vectors: Floats) -> Floats:
    """The length of the shortest of each set of vectors `(T, n, 27, 3)`, `(T,)`."""
    found: Floats = np.sqrt(np.square(vectors).sum(-1).min((1, 2), initial=np.inf))
    return found
