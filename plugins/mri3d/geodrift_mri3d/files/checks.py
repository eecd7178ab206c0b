r"""What is wrong with an image, as far as its header tells: in one line, with what to do."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from nibabel.affines import voxel_sizes

from geodrift_mri3d.files.headers import Header

LIMIT = 2**29
"""Bytes of voxels, in single precision, from which on an image is refused: 512 MiB."""

_OFFSET = 2**26  # bytes before the voxels: headers have extensions, but not as long ones
_SIZES = 0.1, 20.0  # of voxels, mm
_SHEAR = 0.1  # cosine of the angle between two axes


def problem(path: Path, header: Header, limit: int = LIMIT) -> str:
    """The first thing that is wrong; empty when nothing is.

    Arguments:
        path: The file.
        header: What it says.
        limit: Bytes that voxels may take in memory.
    """
    with np.errstate(all="ignore"):
        return next((why for check in (_axes, _voxels, _sizes, _affine) for why in check(header)), "") or next(
            _memory(path, header, limit), ""
        )


def _axes(header: Header) -> Iterator[str]:
    shape = header.shape
    if any(side < 1 for side in shape):
        yield f"its shape is {shape}; export the file again"
    if math.prod(shape[3:]) > 1:
        yield f"{len(shape)} axes {shape}, several volumes; save one of them as a file of its own"
    if min((*shape, *[1] * 3)[:3]) < 2:
        yield f"its shape is {shape}, not a volume; give one with three axes"


def _voxels(header: Header) -> Iterator[str]:
    if header.dtype.kind not in "iuf":
        kind = "complex numbers" if header.dtype.kind == "c" else "colours or no numbers"
        yield f"its voxels are {kind} ({header.dtype}); save intensities as real numbers"
    if not np.isfinite([header.slope, header.intercept]).all():
        yield "its scl_slope or scl_inter is not finite; correct the header"


def _sizes(header: Header) -> Iterator[str]:
    if not (np.isfinite(header.sizes).all() and (header.sizes > 0).all()):
        yield f"voxels of {_mm(header.sizes)}; sizes must be positive, correct pixdim in the header"


def _affine(header: Header) -> Iterator[str]:
    affine = header.affine
    if not np.isfinite(affine).all():
        yield "its affine has numbers that are not finite; correct sform or qform in the header"
    sizes = voxel_sizes(affine)
    axes = affine[:3, :3] / sizes
    if not sizes.all() or not abs(np.linalg.det(axes)) > _SHEAR:
        yield "its affine is singular: two axes are parallel or one is zero; correct sform or qform in the header"
    if not (sizes.min() >= _SIZES[0] and sizes.max() <= _SIZES[1]):
        yield f"voxels of {_mm(sizes)} by its affine, not within {_SIZES[0]} to {_SIZES[1]:g} mm; is its unit mm?"
    if np.abs(axes.T @ axes - np.eye(3)).max() > _SHEAR:
        yield "its axes are not perpendicular; resample it to a grid that is"


def _memory(path: Path, header: Header, limit: int) -> Iterator[str]:
    count = math.prod(header.shape)
    if count * max(4, header.dtype.itemsize) > limit:
        yield f"{count:,} voxels, more than fit in the {limit // 2**20} MiB allowed; resample it to larger voxels"
    if header.offset > _OFFSET:
        yield f"its voxels begin at byte {header.offset:,}; export the file again"
    needed, there = header.offset + count * header.dtype.itemsize, path.stat().st_size
    if path.suffix == ".nii" and there < needed:
        yield f"truncated: {there:,} of {needed:,} bytes; copy the file again"


def _mm(sizes: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> str:
    return " × ".join(f"{size:.4g}" for size in sizes) + " mm"
