r"""A Cartesian frame for the cell that a state believes in.

Of a lattice only :math:`G = L L^T` is used: the rows of its Cholesky factor are the vectors of the cell in one
orientation, and a network for which the orientation does not matter need not know which. Noise is not a lattice:
:math:`G + (\ell^2 + \delta\,\mathrm{tr}\,G)\,I` has a factor and an inverse whatever the noise, commutes with every
exchange of the vectors, and moves a real lattice by less than one part in a thousand.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

_SHORTEST = 0.1  # ℓ, Å
_FLATTEST = 1e-5  # δ, so that single precision can invert
_VOLUME = 15.0  # Å³ of an atom, about which the volumes of crystals spread


class Frame(NamedTuple):
    """Cells in an orientation.

    Arguments:
        rows: Vectors of the cells, `(B, 3, 3)`, Å.
        dual: Vectors of the reciprocal cells without the factor of 2π, `(B, 3, 3)`: `rows @ dual.mT` is one.
    """

    rows: Tensor
    dual: Tensor

    @classmethod
    def of(cls, gram: Tensor) -> Frame:
        """A frame for cells with these inner products, `(B, 3, 3)`, Å²; not finite where they are not."""
        one = torch.eye(3, dtype=gram.dtype, device=gram.device)
        trace = gram.diagonal(dim1=1, dim2=2).sum(-1)[:, None, None]
        rows, _ = torch.linalg.cholesky_ex(gram + (_SHORTEST**2 + _FLATTEST * trace) * one)
        return cls(rows, torch.linalg.solve_triangular(rows, one.expand_as(rows), upper=False).mT)

    def rotated(self, rotation: Tensor) -> Frame:
        """The same cells in other orientations, rotated or reflected by `(B, 3, 3)`."""
        return Frame(self.rows @ rotation, self.dual @ rotation)

    def axes(self) -> Tensor:
        """Directions along the vectors of the cell and normal to its faces, `(B, 3, 2, 3)`."""
        return torch.stack([F.normalize(self.rows, dim=-1), F.normalize(self.dual, dim=-1)], 2)

    def lengths(self) -> Tensor:
        """Logarithms of the vectors' lengths and of the distances between faces, `(B, 3, 2)`, of Å."""
        return torch.stack([self.rows.norm(dim=-1).log(), -self.dual.norm(dim=-1).log()], -1)

    def cosines(self) -> Tensor:
        """Cosines between the vectors of the cell, `(B, 3, 3)`."""
        along = F.normalize(self.rows, dim=-1)
        return along @ along.mT

    def invariants(self, atoms: Tensor) -> Tensor:
        """Volume per atom and shape, as logarithms that no exchange of the vectors changes, `(B, 3)`, in tenths."""
        volume = torch.linalg.det(self.rows).abs().log() / 3
        long, short = (x.square().sum((1, 2)).div(3).log() / 2 for x in (self.rows, self.dual))
        typical = volume - (atoms * _VOLUME).log() / 3
        return 10 * torch.stack([typical, long - volume, short + volume], -1)
