r"""From an image as it was measured to one that a model can learn from.

1. Axes nearest to right, anterior and superior.
2. The grid's voxels around the middle of the box of the brain: of the labels where there are any, else of what is
   brighter than the background. Heads are centred as heads, so remove what is not brain before.
3. Percentiles 0.1 and 99.9 become -1 and 1.

An image that covers exactly the grid's box keeps its place, one that has the grid's voxels keeps them, and one that is
in [-1, 1] besides keeps its numbers: to prepare again changes nothing. The affine follows every step. Voxels are read
here, not before.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from nibabel import Nifti1Image
from nibabel.affines import voxel_sizes
from nibabel.spatialimages import SpatialImage
from numpy.typing import NDArray

from geodrift.errors import InputError
from geodrift_mri3d.geometry import Sampling, canonical, centre, foreground
from geodrift_mri3d.geometry.foreground import largest
from geodrift_mri3d.geometry.sampling import TOLERANCE
from geodrift_mri3d.grid import Grid
from geodrift_mri3d.intensity import ENDS, is_scaled, scaled
from geodrift_mri3d.volume import LABELS, SOURCE, name, volume

_INTEGER = 1e-3  # how far a label may be from a whole number


def prepared(image: Nifti1Image, grid: Grid) -> Nifti1Image:
    """The image on a grid, `(X, Y, Z)` in [-1, 1], single precision, with its labels in the same voxels.

    Arguments:
        image: Any image with three axes.
        grid: The voxels to bring it to.

    Raises:
        InputError: When the voxels cannot be read, are not finite or all the same, or labels do not fit.
    """
    data, affine = canonical(_intensities(image), image.affine)
    labels = _labels_of(image, data.shape)
    if _fits(data.shape, affine, grid):
        ready = np.asarray(data.clip(-1, 1), np.float32) if is_scaled(data) else scaled(data)
        return _with(image, ready, affine, labels)
    sampling = Sampling.centred(_middle(data, affine, labels, grid), affine, grid)
    found = sampling(data, float(np.percentile(data, ENDS[0])))
    moved = None if labels is None else sampling.labels(labels)
    return _with(image, scaled(found), sampling.affine(affine), moved)


def prepared_labels(image: Nifti1Image, grid: Grid) -> Nifti1Image:
    """A map of labels on a grid, `(X, Y, Z)` in one byte.

    Raises:
        InputError: When the voxels cannot be read or are not whole numbers from 0 to 255.
    """
    labels, affine = canonical(_labels(image), image.affine)
    if not _fits(labels.shape, affine, grid):
        sampling = Sampling.centred(_middle(labels, affine, labels, grid), affine, grid)
        labels, affine = sampling.labels(labels), sampling.affine(affine)
    return volume(labels, affine, image.extra)


def _middle(
    data: NDArray[Any], affine: NDArray[np.float64], labels: NDArray[np.uint8] | None, grid: Grid
) -> NDArray[np.float64]:
    """The place, in voxels, around which the grid is laid."""
    if np.allclose(np.array(data.shape) * voxel_sizes(affine), grid.extent, rtol=TOLERANCE):
        return (np.array(data.shape) - 1) / 2
    return centre(foreground(data) if labels is None or not labels.any() else largest(labels > 0))


def _with(
    image: Nifti1Image, data: NDArray[np.float32], affine: NDArray[np.float64], labels: NDArray[np.uint8] | None
) -> Nifti1Image:
    told = {} if labels is None else {LABELS: volume(labels, affine, image.extra[LABELS].extra)}
    return volume(data, affine, {**image.extra, **told})


def _fits(shape: tuple[int, ...], affine: NDArray[np.float64], grid: Grid) -> bool:
    return shape == grid.shape and np.allclose(voxel_sizes(affine), grid.spacing, rtol=TOLERANCE)


def _labels_of(image: Nifti1Image, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """The labels of an image, in the axes of `canonical`."""
    given = image.extra.get(LABELS)
    if given is None:
        return None
    labels, _ = canonical(_labels(given), given.affine)
    if labels.shape != shape:
        raise InputError(f"{_place(given)}: labels of shape {labels.shape}, the image has {shape}; resample them to it")
    return labels


def _labels(image: SpatialImage) -> NDArray[np.uint8]:
    data = _finite(image)
    whole = np.rint(data)
    if np.abs(data - whole).max() > _INTEGER or whole.min() < 0 or whole.max() > 255:
        raise InputError(f"{_place(image)}: labels must be whole numbers from 0 to 255; give a map of labels")
    return np.asarray(whole, np.uint8)


def _intensities(image: SpatialImage) -> NDArray[np.float32]:
    data = _finite(image)
    if data.min() == data.max():
        raise InputError(f"{_place(image)}: all voxels are {data.flat[0]:g}; leave the image out or export it again")
    return data


def _finite(image: SpatialImage) -> NDArray[np.float32]:
    data = _read(image)
    wrong = int(data.size - np.isfinite(data).sum())
    if wrong:
        raise InputError(f"{_place(image)}: {wrong} voxels are not finite numbers; replace them or export it again")
    return data


def _read(image: SpatialImage) -> NDArray[np.float32]:
    """The voxels, single precision; numbers beyond it become infinite."""
    try:
        with np.errstate(over="ignore"):
            return np.asarray(image.dataobj, dtype=np.float32)
    except InputError:
        raise
    except (OSError, EOFError, ValueError, zlib.error, MemoryError) as error:
        raise InputError(f"{_place(image)}: voxels cannot be read: {_line(error)}; copy the file again") from None


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__


def _place(image: SpatialImage) -> Any:
    return image.extra.get(SOURCE) or name(image, "image")
