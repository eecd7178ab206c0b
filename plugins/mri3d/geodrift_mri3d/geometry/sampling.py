r"""Voxels of another size, as weighted means along each axis.

New voxel :math:`j` lies at :math:`p_j = p_0 + f j` of the old ones and is :math:`\sum_i w(i - p_j)\, v_i`. For a whole
:math:`f`, :math:`w` is the box of width :math:`f` and :math:`p_0` such that its sides are sides of old voxels: the mean
of what the new voxel covers, which keeps the integral exactly. Else :math:`w` is the triangle of half width
:math:`\max(1, f)`, scaled to a sum of one: linear interpolation for finer voxels, and without aliases for coarser ones.
What lies outside the image counts as its background. A label is the one with the largest weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from nibabel.affines import voxel_sizes
from numpy.typing import NDArray

from geodrift_mri3d.grid import Grid

TOLERANCE = 1e-3
"""Relative difference below which two sizes of voxels are the same."""


@dataclass(frozen=True)
class Sampling:
    """Where new voxels lie among old ones.

    Arguments:
        shape: New voxels along each axis.
        first: The place of the first, in old voxels.
        step: From one to the next, in old voxels.
    """

    shape: tuple[int, ...]
    first: tuple[float, ...]
    step: tuple[float, ...]

    @classmethod
    def centred(cls, middle: Sequence[float] | NDArray[Any], affine: NDArray[Any], grid: Grid) -> Self:
        """The voxels of a grid around a place of an image.

        Arguments:
            middle: The place, in voxels of the image.
            affine: Of the image, `(4, 4)`, its axes right, anterior and superior.
            grid: Number and size of the new voxels.
        """
        factors = np.array(grid.spacing) / voxel_sizes(affine)
        step = np.where(_whole(factors), np.rint(factors), factors)
        first = np.asarray(middle) - (np.array(grid.shape) - 1) / 2 * step
        inset = (step - 1) / 2  # from the side of a new voxel to the middle of the first old one in it
        aligned = np.where(_whole(factors), np.rint(first - inset) + inset, first)
        return cls(grid.shape, tuple(aligned.tolist()), tuple(step.tolist()))

    def affine(self, affine: NDArray[Any]) -> NDArray[np.float64]:
        """The affine of the new voxels `(4, 4)`, from that of the old ones."""
        new = np.diag([*self.step, 1.0])
        new[:3, 3] = self.first
        return np.asarray(affine @ new)

    def __call__(self, data: NDArray[Any], outside: float) -> NDArray[np.float32]:
        """The new voxels of old ones `(X, Y, Z)`.

        Arguments:
            data: The old voxels.
            outside: What surrounds them.
        """
        found = np.asarray(data, dtype=np.float32) - np.float32(outside)
        for axis, size in enumerate(data.shape):
            found = np.moveaxis(np.tensordot(self._weights(axis, size), found, (1, axis)), 0, axis)
        return found + np.float32(outside)

    def labels(self, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The new voxels of a map of labels `(X, Y, Z)`; outside is 0, which also wins a tie."""
        best, share = np.zeros(self.shape, np.uint8), self((labels == 0).astype(np.float32), 1.0)
        for label in np.unique(labels[labels > 0]):
            weight = self((labels == label).astype(np.float32), 0.0)
            better = weight > share + _TIE
            best[better], share[better] = label, weight[better]
        return best

    def _weights(self, axis: int, size: int) -> NDArray[np.float32]:
        """The weight of each old voxel in each new one along an axis, `(new, old)`."""
        step, places = self.step[axis], self.first[axis] + self.step[axis] * np.arange(self.shape[axis])
        away = np.arange(size) - places[:, None]
        start = self.first[axis] - (step - 1) / 2
        if _whole(step) and abs(start - np.rint(start)) < TOLERANCE:
            return np.asarray((np.abs(away) < step / 2) / step, dtype=np.float32)
        width = max(1.0, step)
        near = np.arange(-np.ceil(width), np.ceil(width) + 2) - (places % 1)[:, None]
        return np.asarray(_triangle(away / width) / _triangle(near / width).sum(1, keepdims=True), dtype=np.float32)


_TIE = 1e-5  # rounding of single precision


def _whole(factor: Any) -> Any:
    """Whether voxels are a whole number of times as large."""
    return (np.rint(factor) > 0) & (np.abs(factor - np.rint(factor)) <= TOLERANCE * np.rint(factor))


def _triangle(place: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.maximum(1 - np.abs(place), 0))
