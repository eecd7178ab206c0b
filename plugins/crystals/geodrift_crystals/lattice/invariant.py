r"""Lattices that a point group keeps: the crystal families in any cell, in any representation.

Integer matrices :math:`W` that act on fractional positions keep a lattice where its metric :math:`G = L L^T` has
:math:`W^T G W = G`. With :math:`B^2 = \sum_W W^T W`, one such metric, every lattice is :math:`L = B e^T Q`, :math:`T`
symmetric, :math:`Q` a rotation, and the matrices :math:`B W B^{-1}` are orthogonal. The lattice is kept where they
commute with :math:`T`, so that the nearest lattice of the group has the mean of :math:`T` over the group. Volume and
orientation stay. For the holohedry of a family in its usual axes these are the lattices of `families`.

References:
    | Space Group Constrained Crystal Generation (Jiao et al., 2024), https://arxiv.org/abs/2402.03992
"""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor

from geodrift_crystals.lattice.charts import Polar
from geodrift_crystals.lattice.families import FAMILIES, project
from geodrift_crystals.lattice.holohedry import matrices, settings

_FLAT = 1e-6  # Å: widths below are none
_SOME = [0.11, -0.23, 0.17, 0.31, -0.19, 0.9]  # numbers of a lattice that is kept by no more than it must


class Invariant:
    """The lattices that a point group keeps.

    Arguments:
        rotations: Its integer matrices, `(n, 3, 3)`, that act on columns of fractional positions.
    """

    def __init__(self, rotations: Tensor) -> None:
        self.rotations = rotations.double()
        width, axes = torch.linalg.eigh((self.rotations.mT @ self.rotations).mean(0))
        self._frame, self._back = ((axes * width.pow(power)) @ axes.mT for power in (0.5, -0.5))
        self._turns = self._frame @ self.rotations @ self._back

    @classmethod
    def of(cls, family: str) -> Self:
        """The lattices of a crystal family in its usual axes."""
        numbers = project(torch.tensor([_SOME], dtype=torch.float64), FAMILIES[family])
        (group,) = settings(Polar().lattice(numbers, torch.ones(1)))
        return cls(matrices()[group.unique().long()].mT)

    def __call__(self, lattice: Tensor) -> Tensor:
        """The nearest lattices `(B, 3, 3)` that are kept, in double precision, turned as these are."""
        u, width, v = torch.linalg.svd(self._back.to(lattice.device) @ lattice.double())
        logarithm = (u * width.clamp(min=_FLAT).log()[:, None, :]) @ u.mT
        turns = self._turns.to(lattice.device)
        mean = torch.einsum("gba,nbc,gcd->nad", turns, logarithm, turns) / len(turns)
        kept: Tensor = self._frame.to(lattice.device) @ torch.linalg.matrix_exp(mean) @ u @ v
        return kept

    def keeps(self, lattice: Tensor, within: float) -> bool:
        """Whether a lattice `(3, 3)` is kept, its metric to this share of its largest entry."""
        metric = lattice.double() @ lattice.double().mT
        error = (self.rotations.mT @ metric @ self.rotations - metric).abs().max()
        return bool(error <= within * metric.abs().max())
