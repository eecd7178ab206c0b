r"""Lattices as standardised numbers: a chart, with the statistics of the training lattices.

.. math:: z = (x - \mu) / \sigma

The entries of a matrix share one scale and keep their zero, so that a rotation of :math:`z` is one of the lattice. The
other numbers have a mean and a scale each; one that is the same in all training lattices, as the shape of cubic ones,
has the scale `FLOOR`, of which a model that errs by one part in a hundred errs by :math:`10^{-4}`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

import torch
from torch import Tensor

from geodrift_crystals.lattice.charts import CHARTS, Chart, Polar
from geodrift_crystals.lattice.families import FAMILIES, project
from geodrift_crystals.lattice.invariant import Invariant

Kind = Literal["matrix", "polar", "parameters"]
FLOOR = 0.01


@dataclass(frozen=True)
class Representation:
    """Lattices as real numbers of unit scale.

    Arguments:
        kind: The chart.
        mean: Of each of its numbers in the training data.
        std: Scale of each.
    """

    kind: Kind
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        if not len(self.mean) == len(self.std) == self.chart.size or min(self.std) <= 0:
            raise ValueError(f"a {self.kind} lattice has {self.chart.size} means and positive scales")

    @classmethod
    def fit(cls, kind: Kind, lattices: Tensor, atoms: Tensor) -> Self:
        """The representation of training lattices, `(n, 3, 3)`, Å, of crystals with `(n,)` atoms."""
        x = CHARTS[kind].numbers(lattices.double(), atoms)
        if kind == "matrix":
            return cls(kind, (0.0,) * 9, (max(float(x.square().mean().sqrt()), FLOOR),) * 9)
        std = x.std(0, correction=0).clamp(min=FLOOR)
        return cls(kind, tuple(x.mean(0).tolist()), tuple(std.tolist()))

    @property
    def chart(self) -> Chart:
        return CHARTS[self.kind]

    @property
    def size(self) -> int:
        return self.chart.size

    def encode(self, lattice: Tensor, atoms: Tensor) -> Tensor:
        """Standardised numbers `(B, size)` of lattices `(B, 3, 3)`, Å."""
        mean, std = self._statistics(lattice)
        return (self.chart.numbers(lattice, atoms) - mean) / std

    def decode(self, z: Tensor, atoms: Tensor) -> Tensor:
        """Lattices `(B, 3, 3)`, Å, in standard orientation and of positive volume, of any finite numbers."""
        mean, std = self._statistics(z)
        return self.chart.lattice(mean + std * z, atoms)

    def gram(self, z: Tensor, atoms: Tensor) -> Tensor:
        """What a rotation does not change, :math:`L L^T` in Å², `(B, 3, 3)`, with gradients for any symmetry."""
        mean, std = self._statistics(z)
        return self.chart.gram(mean + std * z, atoms)

    def project(self, z: Tensor, family: str) -> Tensor:
        """The nearest standardised numbers of a crystal family.

        Raises:
            TypeError: When the chart is not the polar one, whose families are linear.
        """
        if not isinstance(self.chart, Polar):
            raise TypeError(f"crystal families are subspaces of polar lattices, not of {self.kind}")
        mean, std = self._statistics(z)
        return (project(mean + std * z, FAMILIES[family]) - mean) / std

    def invariant(self, z: Tensor, atoms: Tensor, kept: Invariant) -> Tensor:
        """The standardised numbers of the nearest lattices that a point group keeps."""
        mean, std = self._statistics(z.double())
        return ((self.chart.through(kept, mean + std * z.double(), atoms) - mean) / std).to(z)

    def rotated(self, z: Tensor, rotation: Tensor) -> Tensor:
        """The numbers of the lattice :math:`L Q` for rotations `(B, 3, 3)`; only a matrix has other ones."""
        return (z.reshape(-1, 3, 3) @ rotation.to(z)).flatten(1) if self.kind == "matrix" else z

    def _statistics(self, like: Tensor) -> tuple[Tensor, Tensor]:
        mean, std = (torch.tensor(v, dtype=like.dtype, device=like.device) for v in (self.mean, self.std))
        return mean, std
