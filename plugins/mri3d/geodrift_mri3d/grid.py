"""The voxels that all volumes of a model share: how many along each axis, and how large."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from nibabel.spatialimages import SpatialImage
from numpy.typing import NDArray

from geodrift.errors import InputError


@dataclass(frozen=True)
class Grid:
    """A box of voxels along the axes right, anterior and superior.

    Arguments:
        shape: Voxels along each axis.
        spacing: Their size along each axis, mm.

    Raises:
        InputError: When a size is not positive.
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]

    def __post_init__(self) -> None:
        if min(self.shape) < 1 or not min(self.spacing) > 0:
            raise InputError(f"grid: shape {self.shape} and spacing {self.spacing} mm must be positive")

    @classmethod
    def of(cls, image: SpatialImage) -> Self:
        """The grid of an image whose axes are right, anterior and superior."""
        (x, y, z), (a, b, c) = image.shape[:3], image.header.get_zooms()[:3]
        return cls((x, y, z), (float(a), float(b), float(c)))

    @property
    def extent(self) -> NDArray[np.float64]:
        """The length of each side, mm."""
        sides: NDArray[np.float64] = np.array(self.shape) * np.array(self.spacing)
        return sides

    @property
    def affine(self) -> NDArray[np.float64]:
        """The affine `(4, 4)` that puts the middle of the box at the origin of the world, mm."""
        affine = np.diag([*self.spacing, 1.0])
        affine[:3, 3] = -(np.array(self.shape) - 1) / 2 * self.spacing
        return affine
