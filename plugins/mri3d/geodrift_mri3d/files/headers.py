r"""What a file says of its image before any voxel is read: `.nii`, `.nii.gz` (NIfTI-1 and -2) and `.mgz`.

The bytes are looked at as they are: nibabel would mend a size of voxels of zero or below, silently. Where a NIfTI file
states neither sform nor qform, its place is that of nibabel and of Analyze, which nobody has confirmed: the file is
read, with a note that left and right are not certain.

References:
    | https://nifti.nimh.nih.gov/pub/dist/src/niftilib/nifti1.h
    | https://surfer.nmr.mgh.harvard.edu/fswiki/FsTutorial/MghFormat
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from nibabel import Nifti1Header, Nifti2Header
from nibabel.freesurfer.mghformat import DATA_OFFSET, MGHError, MGHHeader, header_dtype
from nibabel.openers import ImageOpener
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError
from numpy.typing import NDArray

from geodrift.errors import InputError

SYNTHETIC = "Synthetic image, geodrift"
"""What the header of a generated image says; its voxels are from 0 to 1."""

_LONGEST = 540  # bytes of NIfTI-2
_SPACES = {1: "metres", 3: "micrometres"}  # codes of NIfTI that are not millimetres


@dataclass(frozen=True)
class Header:
    """What a file says of its voxels.

    Arguments:
        shape: As the file has it, also with more than three axes.
        dtype: Of one voxel.
        offset: Bytes before the first.
        slope, intercept: From stored numbers to intensities.
        affine: From voxels to the world, `(4, 4)`, mm.
        sizes: Of voxels, as stated beside the affine, mm.
        placed: Whether the file states where it is.
        synthetic: Whether it was generated here.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int
    slope: float
    intercept: float
    affine: NDArray[np.float64]
    sizes: NDArray[np.float64]
    placed: bool
    synthetic: bool = False


def header(path: Path) -> Header:
    """The header of a file.

    Raises:
        InputError: When the file cannot be read or is not of a format known.
    """
    start = _start(path)
    try:
        with np.errstate(all="ignore"):
            return _mgh(start) if path.suffix == ".mgz" else _nifti(path, start)
    except InputError:
        raise
    except KeyError as error:
        raise InputError(
            f"{path}: wrong header: {error.args[0]} is no kind of numbers; export the file again"
        ) from None
    except (HeaderDataError, WrapStructError, MGHError, ValueError, OverflowError) as error:
        raise InputError(f"{path}: wrong header: {' '.join(str(error).split())[:120]}; export the file again") from None


def _start(path: Path) -> bytes:
    try:
        with ImageOpener(str(path)) as file:
            return bytes(file.read(_LONGEST))
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be read: {reason}; copy the file again or correct its ending") from None


def _nifti(path: Path, start: bytes) -> Header:
    sizes = {size.to_bytes(4, order): kind for size, kind in _KINDS for order in ("little", "big")}
    kind = sizes.get(start[:4])
    if kind is None or len(start) < kind.sizeof_hdr:
        raise InputError(f"{path}: not a NIfTI file, or cut off within its header; give .nii, .nii.gz or .mgz")
    found = kind(start[: kind.sizeof_hdr], check=False)  # type: ignore[no-untyped-call]
    if not bytes(found["magic"]).startswith((b"n+1", b"n+2")):
        raise InputError(f"{path}: voxels are not in the same file (Analyze or .hdr and .img); convert it to .nii.gz")
    unit = int(found["xyzt_units"]) & 7
    if unit in _SPACES:
        raise InputError(f"{path}: lengths are in {_SPACES[unit]}; write the file in mm")
    slope, intercept = found.get_slope_inter()
    return Header(
        shape=tuple(map(int, found.get_data_shape())),
        dtype=found.get_data_dtype(),
        offset=max(int(found["vox_offset"]), kind.single_vox_offset),
        slope=1.0 if slope is None else float(slope),
        intercept=0.0 if intercept is None else float(intercept),
        affine=np.asarray(found.get_best_affine(), np.float64),
        sizes=np.asarray(found["pixdim"][1:4], np.float64),
        placed=bool(found["sform_code"] or found["qform_code"]),
        synthetic=bytes(found["descrip"].item()).startswith(SYNTHETIC.encode()),
    )


def _mgh(start: bytes) -> Header:
    found = MGHHeader(start[: header_dtype.itemsize])
    placed = int.from_bytes(start[28:30], "big") == 1
    return Header(
        shape=tuple(map(int, found.get_data_shape())),
        dtype=found.get_data_dtype(),
        offset=DATA_OFFSET,
        slope=1.0,
        intercept=0.0,
        affine=np.asarray(found.get_affine(), np.float64),
        sizes=np.asarray(found["delta"], np.float64),
        placed=placed,
    )


_KINDS = ((348, Nifti1Header), (540, Nifti2Header))
