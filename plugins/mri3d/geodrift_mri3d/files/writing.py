r"""Samples as files.

A sample is `00000.nii.gz`, its number: intensities from 0 (which viewers show black and tools take for background) to 1
in two bytes, to within 2⁻¹⁷ of what they were. Its affine stands in qform and sform, both with the code 2, aligned: the
frame of a brain that was never in a scanner. Its tissue labels, where it has any, are `00000_tissue.nii.gz`.
`samples.tsv` lists all of them with what they were asked to be; a sample that failed has a row with the reason, and no
image. The same samples are the same bytes. A file that exists is never written over.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from nibabel import Nifti1Image
from numpy.typing import NDArray

from geodrift.errors import InputError
from geodrift_mri3d.files.generated import ENDING, LIKE, REASON, SAMPLE, SAMPLES
from geodrift_mri3d.files.headers import SYNTHETIC
from geodrift_mri3d.files.listing import TISSUE
from geodrift_mri3d.volume import FAILED, LABELS, conditions

_FULL = 2**16 - 1
_ALIGNED = 2
_LEVEL = 6  # of compression


def write(objects: Sequence[Nifti1Image], folder: Path) -> list[Path]:
    """Write samples into a folder; the files written.

    Arguments:
        objects: Images in [-1, 1], `(X, Y, Z)`; those with `extra["failed"]` get no file.
        folder: Is made if it does not exist.

    Raises:
        InputError: When one of the files exists.
    """
    samples = {f"{place:05}": image for place, image in enumerate(objects)}
    lost = {name: _failure(image) for name, image in samples.items()}
    good = {name: image for name, image in samples.items() if not lost[name]}
    marked = {f"{name}{TISSUE}": image.extra[LABELS] for name, image in good.items() if LABELS in image.extra}
    targets = [folder / f"{name}{ENDING}" for name in (*good, *marked)]
    _refuse_existing([*targets, folder / SAMPLES])
    folder.mkdir(parents=True, exist_ok=True)
    written = [save(intensities(image), folder / f"{name}{ENDING}") for name, image in good.items()]
    written += [save(marks(image), folder / f"{name}{ENDING}") for name, image in marked.items()]
    return [*written, _table(samples, lost, folder / SAMPLES)]


def _failure(image: Nifti1Image) -> str:
    if FAILED in image.extra:
        return _line(image.extra[FAILED]) or "failed"
    return "" if np.isfinite(np.asarray(image.dataobj)).all() else "numbers that are not finite"


def _refuse_existing(paths: Sequence[Path]) -> None:
    there = next((path for path in paths if path.exists()), None)
    if there is not None:
        raise InputError(f"{there}: exists already and is not written over; write to another folder or remove it")


def intensities(image: Nifti1Image, about: str = SYNTHETIC) -> Nifti1Image:
    """An image in [-1, 1] as it is stored, with these words in its header."""
    share = (np.asarray(image.dataobj, np.float64).clip(-1, 1) + 1) / 2
    stored = _image(np.rint(share * _FULL).astype(np.uint16), image.affine, about)
    stored.header.set_slope_inter(1 / _FULL, 0)
    return stored


def marks(image: Nifti1Image, about: str = SYNTHETIC) -> Nifti1Image:
    """Labels as they are stored."""
    return _image(np.asarray(image.dataobj).astype(np.uint8), image.affine, about)


def _image(data: NDArray[Any], affine: NDArray[Any], about: str) -> Nifti1Image:
    image = Nifti1Image(data, affine)
    image.set_sform(affine, _ALIGNED)
    image.set_qform(affine, _ALIGNED)
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = about
    return image


def save(image: Nifti1Image, path: Path) -> Path:
    """Write a stored image to a file that does not exist yet."""
    with path.open("xb") as file:
        file.write(gzip.compress(_bytes(image), _LEVEL, mtime=0))
    return path


def _bytes(image: Nifti1Image) -> bytes:
    """The file: nibabel would choose a scale of its own, so the stored numbers follow the header as they are."""
    header = image.header.copy()
    header.set_data_offset(header.single_vox_offset)
    filled = header.binaryblock.ljust(header.single_vox_offset, b"\0")
    return bytes(filled + np.asarray(image.dataobj).astype(header.get_data_dtype()).tobytes(order="F"))


def _table(samples: Mapping[str, Nifti1Image], lost: Mapping[str, str], path: Path) -> Path:
    rows = [_row(name, image, lost[name]) for name, image in samples.items()]
    columns = dict.fromkeys(column for row in rows for column in row)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns) or [SAMPLE], "n/a", delimiter="\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    with path.open("x", encoding="utf-8", newline="") as file:
        file.write(text.getvalue())
    return path


def _row(name: str, image: Nifti1Image, reason: str) -> dict[str, Any]:
    told = {_line(key): _line(value) for key, value in conditions(image).items()}
    like = image.extra.get("like")
    ours = {SAMPLE: name} | ({REASON: reason} if reason else {}) | ({LIKE: _line(like)} if like else {})
    return ours | told | ours


def _line(value: Any) -> str:
    """A value as a table can hold it."""
    return re.sub(r'[\s"]+', " ", str(value)).strip()
