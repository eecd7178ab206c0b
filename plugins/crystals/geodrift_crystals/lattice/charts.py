r"""Three ways to write a lattice as real numbers.

A lattice is a matrix :math:`L` whose rows are its vectors, in Å, right-handed. A rotation acts as :math:`L Q`, so that
:math:`L L^T` does not see it. Every lattice is decoded in standard orientation: :math:`L` is lower triangular with a
positive diagonal (the first vector along x, the second in the plane of x and y). :math:`N` is the number of atoms.

* **matrix**: the nine entries of the lattice in standard orientation.
* **polar**: :math:`L = e^S Q`, with :math:`S = \tfrac12 \log L L^T = \sum_k s_k B_k` symmetric. Its trace is the
  logarithm of the volume; :math:`s_6` is a third of the logarithm of the volume *per atom*, and :math:`s_1, \dots, s_5`
  say the shape alone: they are those of the lattice scaled to any other volume.

  .. math:: B_1, B_2, B_3: \text{ones at } xy, xz, yz \quad B_4 = \mathrm{diag}(1, -1, 0) \quad
            B_5 = \mathrm{diag}(1, 1, -2) \quad B_6 = I

* **parameters**: :math:`\log(a N^{-1/3})`, :math:`\log(b N^{-1/3})`, :math:`\log(c N^{-1/3})`, and
  :math:`\mathrm{artanh}` of :math:`\cos\gamma`, :math:`\cos\beta` and :math:`-\cos\alpha^*`, the angle
  :math:`\alpha^*` of the reciprocal lattice. Angles :math:`\alpha, \beta, \gamma` chosen freely are mostly those of no
  lattice; these three numbers are free, since
  :math:`\cos\alpha = \cos\beta\cos\gamma - \sin\beta\sin\gamma\cos\alpha^*`.

Numbers are limited to a range that no crystal leaves before exponentials are taken, so that any finite numbers decode
to a lattice of positive volume.

References:
    | Space Group Constrained Crystal Generation (Jiao et al., 2024), https://arxiv.org/abs/2402.03992
    | Generating random correlation matrices based on partial correlations (Joe, 2006), https://doi.org/10.1016/j.jmva.2005.05.010
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar

import torch
from torch import Tensor

_SHORTEST = 1e-3  # Å: a singular matrix decodes to a lattice of at least this width
_LARGEST = 15.0  # of a logarithm or an artanh: lengths within 3e-7 to 3e6 Å, angles within 1e-6 of 0 or 180 degrees
_FARTHEST = 1e6  # of a number, so that its square is finite in single precision


class Chart(ABC):
    """Real numbers for lattices."""

    size: ClassVar[int]

    @abstractmethod
    def numbers(self, lattice: Tensor, atoms: Tensor) -> Tensor:
        """Lattices `(B, 3, 3)`, Å, of crystals with `(B,)` atoms as numbers `(B, size)`."""

    @abstractmethod
    def lattice(self, numbers: Tensor, atoms: Tensor) -> Tensor:
        """The lattices of these numbers in standard orientation, `(B, 3, 3)`, Å."""

    @abstractmethod
    def gram(self, numbers: Tensor, atoms: Tensor) -> Tensor:
        """Their :math:`L L^T`, `(B, 3, 3)`, Å², with gradients that are finite for lattices of any symmetry."""

    def through(self, move: Callable[[Tensor], Tensor], numbers: Tensor, atoms: Tensor) -> Tensor:
        """The numbers of the lattices that `move` makes of those with these numbers, turned as it finds them."""
        return self.numbers(move(self.lattice(numbers, atoms)), atoms)


class Matrix(Chart):
    """The nine entries in standard orientation, Å."""

    size = 9

    def numbers(self, lattice: Tensor, atoms: Tensor) -> Tensor:
        return standard(lattice).flatten(1)

    def lattice(self, numbers: Tensor, atoms: Tensor) -> Tensor:
        u, width, v = torch.linalg.svd(numbers.reshape(-1, 3, 3))
        return standard(u * width.clamp(min=_SHORTEST)[:, None, :] @ v)

    def gram(self, numbers: Tensor, atoms: Tensor) -> Tensor:
        rows = numbers.reshape(-1, 3, 3)
        return rows @ rows.mT

    def through(self, move: Callable[[Tensor], Tensor], numbers: Tensor, atoms: Tensor) -> Tensor:
        return move(numbers.reshape(-1, 3, 3)).flatten(1)


class Polar(Chart):
    """The logarithm of the symmetric polar factor: shape, and volume per atom."""

    size = 6

    def numbers(self, lattice: Tensor, atoms: Tensor) -> Tensor:
        u, width, _ = torch.linalg.svd(lattice)
        s = u * width.log()[:, None, :] @ u.mT
        volume = (s[:, 0, 0] + s[:, 1, 1] + s[:, 2, 2]) / 3
        planes = (s[:, 0, 1], s[:, 0, 2], s[:, 1, 2])
        lengths = ((s[:, 0, 0] - s[:, 1, 1]) / 2, (volume - s[:, 2, 2]) / 2, volume - atoms.to(s).log() / 3)
        return torch.stack([*planes, *lengths], 1)

    def lattice(self, numbers: Tensor, atoms: Tensor) -> Tensor:
        width, axes = torch.linalg.eigh(self.logarithm(numbers, atoms))
        return standard(axes * width.clamp(-_LARGEST, _LARGEST).exp()[:, None, :] @ axes.mT)

    def gram(self, numbers: Tensor, atoms: Tensor) -> Tensor:
        s = self.logarithm(numbers.clamp(-_FARTHEST, _FARTHEST), atoms)
        size = torch.square(s).sum((1, 2), keepdim=True)
        gram: Tensor = torch.linalg.matrix_exp(2 * s * (_LARGEST * size.clamp(min=_LARGEST**2).rsqrt()))
        return gram

    @staticmethod
    def logarithm(numbers: Tensor, atoms: Tensor) -> Tensor:
        """The symmetric matrices :math:`S`, `(B, 3, 3)`, of these numbers."""
        xy, xz, yz, first, second, third = numbers.unbind(1)
        volume = third + atoms.to(numbers).log() / 3
        x, y, z = volume + second + first, volume + second - first, volume - 2 * second
        return torch.stack([x, xy, xz, xy, y, yz, xz, yz, z], 1).reshape(-1, 3, 3)


class Parameters(Chart):
    """Logarithms of the lengths, scaled to one atom, and three angles on the real line."""

    size = 6

    def numbers(self, lattice: Tensor, atoms: Tensor) -> Tensor:
        rows = standard(lattice)
        lengths = rows.norm(dim=2)
        (_, b, c), (_, b_y, _), (_, c_y, c_z) = rows.unbind(2)[0].unbind(1), rows[:, 1].unbind(1), rows[:, 2].unbind(1)
        angles = (torch.asinh(b / b_y), torch.asinh(c / torch.hypot(c_y, c_z)), torch.asinh(c_y / c_z))
        return torch.cat([lengths.log() - atoms.to(lengths).log()[:, None] / 3, torch.stack(angles, 1)], 1)

    def lattice(self, numbers: Tensor, atoms: Tensor) -> Tensor:
        scaled, angles = numbers.clamp(-_LARGEST, _LARGEST).tensor_split(2, 1)
        a, b, c = (scaled.exp() * atoms.to(scaled).pow(1 / 3)[:, None]).unbind(1)
        gamma, beta, alpha = angles.tanh().unbind(1)
        sin_gamma, sin_beta, sin_alpha = (1 / angles.cosh()).unbind(1)
        none = torch.zeros_like(a)
        first, second = (a, none, none), (b * gamma, b * sin_gamma, none)
        third = (c * beta, c * sin_beta * alpha, c * sin_beta * sin_alpha)
        return torch.stack([*first, *second, *third], 1).reshape(-1, 3, 3)

    def gram(self, numbers: Tensor, atoms: Tensor) -> Tensor:
        rows = self.lattice(numbers, atoms)
        return rows @ rows.mT


CHARTS: Mapping[str, Chart] = {"matrix": Matrix(), "polar": Polar(), "parameters": Parameters()}


def standard(lattice: Tensor) -> Tensor:
    """Lattices `(B, 3, 3)` in standard orientation; a left-handed one becomes its mirror image."""
    _, upper = torch.linalg.qr(lattice.mT)
    sign = upper.diagonal(dim1=1, dim2=2).sign()
    turned: Tensor = upper * torch.where(sign == 0, 1.0, sign)[:, :, None]
    return turned.mT
