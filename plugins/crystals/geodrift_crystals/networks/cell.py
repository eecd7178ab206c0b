r"""What a network sees of a lattice and answers about it, so that both turn as the lattice turns.

Numbers of a chart without orientation are seen and answered as they are. The nine entries :math:`L` turn as
:math:`L Q`: of :math:`\hat L = L / s`, with :math:`s^2 = \overline{L_{ij}^2} + \epsilon`, the network sees
:math:`\hat L \hat L^T` and :math:`\log s`, which do not, and it answers :math:`M \hat L`, which does. The division
keeps the answer of unit size where evidence about the lattice is weak and its entries are small.

References:
    | Crystal Structure Prediction by Joint Equivariant Diffusion (Jiao et al., 2023), https://arxiv.org/abs/2309.04475
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from geodrift_crystals.lattice import Matrix

_LEAST = 1e-4  # ε: below a hundredth of the scale of the data a lattice has no orientation to speak of


class Cell(ABC):
    """How the lattice of the state is seen and answered."""

    @property
    @abstractmethod
    def seen(self) -> int:
        """The number of invariants."""

    @abstractmethod
    def invariants(self, z: Tensor) -> Tensor:
        """What no rotation changes of lattices `(B, C)`, `(B, seen)`."""

    @abstractmethod
    def answer(self, raw: Tensor, z: Tensor) -> Tensor:
        """The answer `(B, C')` that the invariant numbers `raw` `(B, C')` mean."""


@dataclass(frozen=True)
class Numbers(Cell):
    """Numbers that no rotation changes.

    Arguments:
        count: How many.
    """

    count: int

    @property
    def seen(self) -> int:
        return self.count

    def invariants(self, z: Tensor) -> Tensor:
        return z

    def answer(self, raw: Tensor, z: Tensor) -> Tensor:
        return raw


@dataclass(frozen=True)
class Rows(Cell):
    """The three vectors of a lattice."""

    @property
    def seen(self) -> int:
        return Matrix.size + 1

    def invariants(self, z: Tensor) -> Tensor:
        rows, size = _scaled(z)
        return torch.cat([(rows @ rows.mT).flatten(1), size.log()], -1)

    def answer(self, raw: Tensor, z: Tensor) -> Tensor:
        rows, _ = _scaled(z)
        return torch.matmul(raw.reshape(len(raw), -1, 3, 3), rows[:, None]).flatten(1)


def _scaled(z: Tensor) -> tuple[Tensor, Tensor]:
    """Rows `(B, 3, 3)` of unit size, and the size `(B, 1)`."""
    size = torch.sqrt(torch.square(z).mean(-1, keepdim=True) + _LEAST)
    return (z / size).reshape(-1, 3, 3), size


def cell(channels: int) -> Cell:
    """How lattices of this many numbers are seen: nine are the entries of a matrix."""
    return Rows() if channels == Matrix.size else Numbers(channels)
