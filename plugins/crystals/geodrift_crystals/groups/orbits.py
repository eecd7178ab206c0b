r"""Positions of atoms that obey the operations of a space group.

Atom :math:`i` of an orbit is the image of its first atom, :math:`f_i = W_i f + w_i`. What is expected of all of them is
moved back to the first and averaged, by vectors on the circle of each coordinate, and moved to the nearest point that
is free to it, :math:`p + P (f - p)`; its images are the positions of all atoms, which so obey every operation to the
precision of the numbers (DiffCSP++ averages predictions alike).

References:
    | Space Group Constrained Crystal Generation (Jiao et al., 2024), https://arxiv.org/abs/2402.03992
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import Self

import torch
from torch import Tensor

from geodrift.layout import Ragged
from geodrift_crystals.groups.operations import Operations

_NEAR = torch.tensor(list(product((-1.0, 0.0, 1.0), repeat=3)))
_CLOSE = 2e-5  # far above the precision of positions, far below what separates atoms of an example


@dataclass(frozen=True, eq=False)
class Orbits:
    """The orbits of the atoms of a batch.

    Arguments:
        first: The first atom of the orbit of each atom, `(M,)`.
        rotation: The operation that moves the first atom to each, `(M, 3, 3)`.
        shift: Its translation, with the vector of the lattice, `(M, 3)`.
        point: A point that the first atom may take, `(M, 3)`.
        free: The projector onto the directions in which the first atom may move, `(M, 3, 3)`.
    """

    first: Tensor
    rotation: Tensor
    shift: Tensor
    point: Tensor
    free: Tensor

    @classmethod
    def of(cls, group: Operations, frac: Tensor, layout: Ragged) -> Self:
        """The orbits of atoms at these positions, `(M, 3)`, which obey the operations and are in general places."""
        rotations, translations = (torch.as_tensor(part).to(frac) for part in (group.rotations, group.translations))
        one, other = _pairs(layout)
        images = torch.einsum("gab,mb->gma", rotations, frac) + translations[:, None]
        away = images[:, one] - frac[other]
        miss, by = (away - away.round()).abs().amax(-1).min(0)
        related = miss < _CLOSE
        first = torch.full_like(layout.index, len(frac)).scatter_reduce(0, other[related], one[related], "amin")
        op = torch.zeros_like(first)
        own = related & (first[other] == one)
        op[other[own]] = by[own]
        turned = torch.einsum("mab,mb->ma", rotations[op], frac[first]) + translations[op]
        stays = images - frac
        kept = ((stays - stays.round()).abs().amax(-1) < _CLOSE).to(frac)
        free = torch.einsum("gm,gab->mab", kept, rotations) / kept.sum(0)[:, None, None]
        return cls(first, rotations[op], translations[op] + (frac - turned).round(), frac[first], free[first])

    @property
    def units(self) -> Tensor:
        """The number of the orbit of each atom in the batch, `(M,)`, in the order of the first atoms."""
        numbers: Tensor = torch.unique(self.first, return_inverse=True)[1]
        return numbers

    @property
    def fixed(self) -> Tensor:
        """The coordinates that no atom of the orbit is free to change, `(M, 3)`."""
        own = self.rotation @ self.free @ torch.linalg.inv(self.rotation)
        still: Tensor = own.abs().amax(-1) < _CLOSE
        return still

    def __call__(self, frac: Tensor) -> Tensor:
        """The positions nearest to these, `(M, 3)`, that obey the operations, in [0, 1)."""
        back = torch.linalg.solve(self.rotation, (frac - self.shift)[..., None])[..., 0]
        away = self._mean(back) - self.point
        images = (away - away.round())[:, None] + _NEAR.to(frac)
        across = torch.eye(3).to(frac) - self.free
        nearest = torch.square(images @ across.mT).sum(-1).argmin(1)
        moved = images.gather(1, nearest[:, None, None].expand(-1, 1, 3))[:, 0]
        start = self.point + torch.einsum("mab,mb->ma", self.free, moved)
        placed = torch.einsum("mab,mb->ma", self.rotation, start) + self.shift
        inside = placed - placed.floor()
        return torch.where(inside >= 1, 0.0, inside)

    def _mean(self, frac: Tensor) -> Tensor:
        """The mean position over the atoms of each orbit, for each atom, by the circles of the coordinates."""
        angle = 2 * math.pi * frac
        vectors = torch.cat([angle.cos(), angle.sin()], -1)
        total = torch.zeros_like(vectors).index_add(0, self.first, vectors)[self.first]
        return torch.atan2(total[:, 3:], total[:, :3]) / (2 * math.pi)


def _pairs(layout: Ragged) -> tuple[Tensor, Tensor]:
    """All pairs of atoms of one crystal, each atom with itself too."""
    lengths = layout.lengths[layout.index]
    one = torch.repeat_interleave(torch.arange(len(layout.index), device=layout.index.device), lengths)
    start = (torch.cumsum(layout.lengths, 0) - layout.lengths)[layout.index]
    within = torch.arange(len(one), device=one.device) - torch.repeat_interleave(lengths.cumsum(0) - lengths, lengths)
    return one, torch.repeat_interleave(start, lengths) + within
