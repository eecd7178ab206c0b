r"""One file as an image whose voxels are read when they are asked for, and not kept.

Never more bytes than the header declares are read, and none are unpickled. Generated images are stored from 0 to 1 and
read as the [-1, 1] that they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from nibabel import Nifti1Image
from nibabel.affines import apply_affine, voxel_sizes
from nibabel.arrayproxy import ArrayProxy
from numpy.typing import NDArray

from geodrift.errors import InputError
from geodrift_mri3d.files.checks import LIMIT, problem
from geodrift_mri3d.files.headers import Header, header
from geodrift_mri3d.geometry.orientation import canonical_frame
from geodrift_mri3d.volume import LABELS, NAME, SOURCE

NOTES = "notes"
"""Entry of `image.extra`: what a reader should know about an image that was read all the same."""

DSEG = "_dseg"
UNPLACED = "states no orientation (sform and qform codes are 0): left and right are not certain"
_TISSUES = {0: 0, 1: 2, 2: 3, 3: 1, 4: 0, 5: 0, 6: 0, 8: 2, 9: 2}  # of the labels of BIDS
_APART = 0.5  # voxels that labels may be off their image


def opened(path: Path, name: str, extra: Mapping[str, Any], limit: int = LIMIT) -> Nifti1Image:
    """The image in a file.

    Arguments:
        path: Ends in `.nii`, `.nii.gz` or `.mgz`.
        name: Of the image.
        extra: What else is known of it.
        limit: Bytes of voxels, in single precision.

    Raises:
        InputError: When the file is not an image that can be used, as far as its header tells.
    """
    stated = _header(path, limit)
    notes = [*extra.get(NOTES, ()), *([] if stated.placed else [UNPLACED])]
    known = {**extra, NAME: name, SOURCE: str(path), **({NOTES: tuple(notes)} if notes else {})}
    scale = (2 * stated.slope, 2 * stated.intercept - 1) if stated.synthetic and stated.dtype == np.uint16 else None
    return _image(_proxy(path, stated, scale or (stated.slope, stated.intercept)), stated, known)


def labels(path: Path, limit: int = LIMIT) -> Nifti1Image:
    """The map of tissues in a file: ours, or that of BIDS when its name ends in `_dseg`.

    Raises:
        InputError: As for `opened`.
    """
    stated = _header(path, limit)
    proxy = _proxy(path, stated, (stated.slope, stated.intercept))
    stem = path.name.partition(".")[0]
    known = {NAME: stem, SOURCE: str(path)}
    return _image(Recoded(proxy) if stem.endswith(DSEG) else proxy, stated, known)


def labelled(image: Nifti1Image, path: Path, limit: int = LIMIT) -> Nifti1Image:
    """The image with its labels.

    Raises:
        InputError: When they cannot be used or lie in other voxels.
    """
    found = labels(path, limit)
    (shape, affine), (other, moved) = (canonical_frame(each.shape, each.affine) for each in (image, found))
    corners = np.array([np.zeros(3), np.array(shape) - 1])
    away = np.abs(apply_affine(affine, corners) - apply_affine(moved, corners)).max()
    if shape != other or away > _APART * voxel_sizes(affine).min():
        raise InputError(f"{path}: {other} voxels elsewhere than the image's {shape}; resample the labels to the image")
    image.extra[LABELS] = found
    return image


@dataclass(frozen=True)
class Recoded:
    """Labels of BIDS as ours, when they are asked for; `InputError` for one that is no tissue.

    Arguments:
        stored: The labels of the file.
    """

    stored: ArrayProxy

    is_proxy = True

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.stored.shape)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.uint8)

    def __getitem__(self, place: Any) -> NDArray[Any]:
        return np.asarray(np.asarray(self)[place])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        values, places = np.unique(np.asarray(self.stored), return_inverse=True)
        strange = next((value for value in values.tolist() if value not in _TISSUES), None)
        if strange is not None:
            place = self.stored.file_like
            raise InputError(
                f"{place}: label {strange:g} is no tissue of BIDS; write 0 to 3 in a file NAME_tissue.nii.gz"
            )
        table = np.array([_TISSUES[value] for value in values.tolist()], np.uint8)
        return np.asarray(table[places].reshape(self.shape), dtype or np.uint8)


def _header(path: Path, limit: int) -> Header:
    stated = header(path)
    wrong = problem(path, stated, limit)
    if wrong:
        raise InputError(f"{path}: {wrong}")
    return stated


def _proxy(path: Path, stated: Header, scale: tuple[float, float]) -> ArrayProxy:
    return ArrayProxy(str(path), (stated.shape[:3], stated.dtype, stated.offset, *scale))


def _image(data: Any, stated: Header, known: Mapping[str, Any]) -> Nifti1Image:
    image = Nifti1Image(data, stated.affine, extra=dict(known), dtype=stated.dtype.newbyteorder("="))
    image.header.set_xyzt_units("mm")
    return image
