r"""Prepared images as files: `NAME_T1w.nii.gz`, `NAME_tissue.nii.gz` where there are labels, `participants.tsv`.

One image is in memory at a time. The folder reads as a data set, and preparing it again changes nothing but rounding to
two bytes.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nibabel import Nifti1Image

from geodrift.domain import Refusal
from geodrift.errors import InputError
from geodrift.stages import stage
from geodrift_mri3d.files.generated import ENDING
from geodrift_mri3d.files.listing import TISSUE
from geodrift_mri3d.files.writing import intensities, marks, save
from geodrift_mri3d.grid import Grid
from geodrift_mri3d.preparation import prepared
from geodrift_mri3d.volume import LABELS, conditions, name

_ABOUT = "prepared by geodrift"
_SUBJECT = "participant_id"


def write_prepared(images: Sequence[Nifti1Image], grid: Grid, folder: Path) -> list[Refusal]:
    """Prepare images for a grid and write them; those that cannot be.

    Arguments:
        images: As they were read.
        grid: The voxels of the model that they are for.
        folder: Exists and is empty.
    """
    kept: list[Mapping[str, Any]] = []
    refused: list[Refusal] = []
    with stage("preparation", len(images)) as done:
        for place, image in enumerate(images):
            subject = name(image, f"{place:05}")
            try:
                _write(prepared(image, grid), folder / subject)
                kept.append({_SUBJECT: subject, **conditions(image)})
            except InputError as error:
                refused.append(Refusal(place, subject, str(error)))
            done(1)
    _table(kept, folder / "participants.tsv")
    return refused


def _write(image: Nifti1Image, stem: Path) -> None:
    save(intensities(image, _ABOUT), stem.with_name(f"{stem.name}_T1w{ENDING}"))
    if LABELS in image.extra:
        save(marks(image.extra[LABELS], _ABOUT), stem.with_name(f"{stem.name}{TISSUE}{ENDING}"))


def _table(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    columns = dict.fromkeys(column for row in rows for column in row) or {_SUBJECT: None}
    with path.open("x", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(columns), "n/a", delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
