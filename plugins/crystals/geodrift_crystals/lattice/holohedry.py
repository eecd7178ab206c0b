r"""The settings of one cell: the changes of basis that a lattice itself does not notice.

A unimodular integer matrix :math:`P` with :math:`P G P^T = G`, where :math:`G = L L^T`, takes the cell :math:`L` to
:math:`P L`, of the same lengths and angles; positions become :math:`f P^{-1}`. These matrices are the holohedry of the
lattice, of 2 (triclinic) to 48 (cubic) elements: the axes of a cube, for example, may be exchanged and reversed. A
crystal written in another such setting is the same crystal, and no choice among them is better than another. Where
:math:`\det P = -1` and the cell is kept right-handed, it is its mirror image, of the same energy.

In a reduced cell the entries of :math:`P` are -1, 0 and 1 (International Tables A, chapter 3.1).
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

LARGEST = 48
"""The order of the largest holohedry; those of the others divide it."""

_AXES = (22, 16, 14)  # places of the unit vectors among the 27
_TOLERANCE = 1e-3
_BLOCK = 256


@cache
def matrices() -> Tensor:
    """All 3 x 3 matrices of -1, 0 and 1 with determinant 1 or -1, `(6960, 3, 3)`."""
    return _vectors()[_rows()]


def settings(lattices: Tensor) -> Tensor:
    """Places in `matrices` of the holohedry of each lattice, repeated to `LARGEST`, `(n, 48)`.

    Arguments:
        lattices: Reduced cells, `(n, 3, 3)`, Å.
    """
    return torch.cat([_settings(block) for block in torch.split(lattices, _BLOCK)])


def _settings(lattices: Tensor) -> Tensor:
    products = _vectors() @ (lattices @ lattices.mT).float() @ _vectors().T
    lengths = torch.linalg.vector_norm(lattices, dim=-1).float()
    kept = torch.ones(len(lattices), len(_rows()), dtype=torch.bool)
    for one, other in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)):
        unlike = (products - products[:, _AXES[one], _AXES[other], None, None]).abs()
        same = unlike < _TOLERANCE * (lengths[:, one] * lengths[:, other])[:, None, None]
        kept &= same[:, _rows()[:, one], _rows()[:, other]]
    groups = [found.nonzero().flatten() for found in kept]
    return torch.stack([group[torch.arange(LARGEST) % len(group)] for group in groups]).to(torch.int16)


@cache
def _vectors() -> Tensor:
    """The 27 vectors of -1, 0 and 1."""
    return torch.cartesian_prod(*[torch.tensor([-1.0, 0.0, 1.0])] * 3)


@cache
def _rows() -> Tensor:
    """The places in `_vectors` of the rows of each matrix."""
    places = torch.cartesian_prod(*[torch.arange(27)] * 3)
    return places[torch.linalg.det(_vectors()[places]).abs().round() == 1]
