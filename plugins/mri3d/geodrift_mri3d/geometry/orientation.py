r"""Axes in the order right, anterior, superior, as nearly as whole exchanges and flips of axes can bring them.

References:
    | https://nipy.org/nibabel/image_orientation.html
"""

from __future__ import annotations

from typing import Any

import numpy as np
from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation
from numpy.typing import NDArray


def canonical(data: NDArray[Any], affine: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """The voxels and their affine, with the axes nearest to right, anterior and superior.

    Arguments:
        data: `(X, Y, Z)`.
        affine: From voxels to the world, `(4, 4)`, mm.
    """
    axes = io_orientation(affine)
    return apply_orientation(data, axes), affine @ inv_ornt_aff(axes, data.shape)


def canonical_frame(shape: tuple[int, ...], affine: NDArray[Any]) -> tuple[tuple[int, ...], NDArray[np.float64]]:
    """The shape and affine that `canonical` gives, without voxels."""
    axes = io_orientation(affine)
    order = np.argsort(axes[:, 0])
    return tuple(int(shape[place]) for place in order), affine @ inv_ornt_aff(axes, shape)
