r"""Files of brains.

`read` takes a NIfTI file, `.mgz`, a folder of them, a BIDS tree or a folder that `write` filled; `where` selects among
them, see `geodrift_mri3d.files.selection`. Headers are checked, voxels are not read before they are asked for. What
cannot be used is refused with the reason, and the others go on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from nibabel import Nifti1Image

from geodrift.domain import Reading, Refusal
from geodrift.errors import InputError, short
from geodrift_mri3d.files.checks import LIMIT
from geodrift_mri3d.files.generated import SAMPLES, listed
from geodrift_mri3d.files.listing import Entry, entries
from geodrift_mri3d.files.opening import NOTES, labelled, labels, opened
from geodrift_mri3d.files.participants import Table
from geodrift_mri3d.files.preparing import write_prepared
from geodrift_mri3d.files.selection import select
from geodrift_mri3d.files.writing import write
from geodrift_mri3d.volume import FAILED, NAME, volume

__all__ = ["LIMIT", "NOTES", "Reading", "read", "read_labels", "samples", "write", "write_prepared"]

read_labels = labels


def read(path: str | Path, where: Mapping[str, str] | None = None, limit: int = LIMIT) -> Reading:
    """The images of a file or folder, with conditions and labels where they are known.

    Arguments:
        path: What to read.
        where: Which of them, see above.
        limit: Bytes of voxels, in single precision, from which on an image is refused.

    Raises:
        InputError: For a path that does not exist, a key that is unknown, or when no image can be used.
    """
    place = Path(path)
    if not isinstance(where, Mapping | None):
        raise InputError(f"{place}: where: a table of keys and values, not {where!r}")
    found, known = _listed(place)
    objects, refused = [], []
    for number, entry in enumerate(select(place, found, known.columns, where or {}), 1):
        try:
            objects.append(_opened(entry, limit))
        except InputError as error:
            refused.append(Refusal(number, entry.name, str(error)))
    if not objects:
        raise InputError(_useless(place, refused))
    return Reading(objects, refused)


def samples(path: str | Path, limit: int = LIMIT) -> list[Nifti1Image]:
    """All generated images of a folder or file, in their order; one that failed or cannot be read is a single voxel.

    Raises:
        InputError: For a path that does not exist or has no images.
    """
    found, _ = _listed(Path(path))
    return [_sample(entry, limit) for entry in found]


def _sample(entry: Entry, limit: int) -> Nifti1Image:
    try:
        return _opened(entry, limit)
    except InputError as error:
        return volume(np.zeros((1, 1, 1), np.float32), np.eye(4), {**entry.extra, NAME: entry.name, FAILED: str(error)})


def _listed(place: Path) -> tuple[list[Entry], Table]:
    return listed(place) if (place / SAMPLES).is_file() else entries(place)


def _opened(entry: Entry, limit: int) -> Nifti1Image:
    if entry.problem or entry.path is None:
        raise InputError(entry.problem)
    image = opened(entry.path, entry.name, entry.extra, limit)
    return image if entry.labels is None else labelled(image, entry.labels, limit)


def _useless(place: Path, refused: Sequence[Refusal]) -> str:
    if not refused:
        return f"{place}: no images are listed here"
    if len(refused) == 1:
        return refused[0].reason if str(place) in refused[0].reason else f"{place}: {refused[0].reason}"
    return f"{place}: none of {len(refused)} images can be used; the first: {short(refused[0].reason)}"
