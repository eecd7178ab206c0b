r"""Which images a path stands for: a file, a folder of files, or a BIDS tree.

`NAME_T1w.nii.gz` is called NAME. A folder with such files stands for them, another for all its images that are no maps
of labels; a folder without images is searched as a BIDS tree, `sub-*/[ses-*/]anat`. Labels are `NAME_tissue` or
`NAME_dseg`, beside the image or at the same place below `derivatives/*`. What is known of subjects is in the
`participants.tsv` of the nearest folder above.

References:
    | https://bids-specification.readthedocs.io/en/stable/modality-specific-files/magnetic-resonance-imaging-data.html
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from geodrift.errors import InputError
from geodrift_mri3d.files.opening import DSEG, NOTES
from geodrift_mri3d.files.participants import PARTICIPANTS, Table, table
from geodrift_mri3d.volume import CONDITIONS

ENDINGS = (".nii.gz", ".nii", ".mgz")
T1W = "_T1w"
TISSUE = "_tissue"
_NO_IMAGES = (TISSUE, DSEG, "_mask", "_probseg")
_ANAT = ("sub-*/anat", "sub-*/ses-*/anat", "ses-*/anat", "anat")
_ABOVE = 5  # folders in which a table is looked for


@dataclass(frozen=True)
class Entry:
    """An image that can be opened, or the reason why not.

    Arguments:
        name: Of the image.
        path: Its file; None when there is none.
        labels: The file of its labels, if any.
        texts: What a table says of it, as written.
        extra: What is noted with it.
        problem: Why it cannot be used; empty when it can.
    """

    name: str
    path: Path | None
    labels: Path | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""

    @property
    def subject(self) -> str:
        """Whose image it is."""
        return subject_of(self.name)


def entries(place: Path) -> tuple[list[Entry], Table]:
    """The images of a path, sorted by name, and the table of their subjects.

    Raises:
        InputError: When there are none.
    """
    files = sorted(_files(place), key=lambda file: (called(file), file.name))
    known, root = _table(place), _root(place)
    found: dict[Path, Entry] = {}
    names: dict[str, Path] = {}
    for file in files:
        found[file] = _entry(file, root, known, names.setdefault(called(file), file))
    return list(found.values()), known


def called(file: Path) -> str:
    """The name of the image in a file."""
    return _stem(file).removesuffix(T1W)


def subject_of(name: str) -> str:
    """The name of an image without BIDS' session, run and the like."""
    found = re.match(r"(sub-[^_]+)_", name)
    return found[1] if found else name


def is_image(file: Path) -> bool:
    """Whether the name of a file is that of an image."""
    return file.name.endswith(ENDINGS) and not file.name.startswith(".") and file.is_file()


def label_file(folder: Path, name: str) -> Path | None:
    """The labels of an image of this name in a folder."""
    ends = [f"{name}{mark}{ending}" for mark in (TISSUE, DSEG) for ending in ENDINGS]
    return next((folder / end for end in ends if (folder / end).is_file()), None)


def _entry(file: Path, root: Path, known: Table, first: Path) -> Entry:
    name = called(file)
    row = known.row(subject_of(name)) or known.row(name)
    twice = "" if first == file else f"{file}: a second image called {name}, beside {first}; keep one"
    if row is None:
        lost = {} if known.path is None else {NOTES: (f"{known.path} has no row for {subject_of(name)}",)}
        return Entry(name, file, _labels(file, root, name), {}, lost, twice)
    told = {CONDITIONS: dict(row.values)}
    return Entry(name, file, _labels(file, root, name), row.texts, told, twice or row.problem)


def _labels(file: Path, root: Path, name: str) -> Path | None:
    within = file.absolute().parent.relative_to(root.absolute())
    below = [folder / within for folder in sorted((root / "derivatives").glob("*"))]
    return next(filter(None, (label_file(folder, name) for folder in (file.parent, *below))), None)


def _files(place: Path) -> list[Path]:
    if not place.exists():
        near = difflib.get_close_matches(place.name, _names(place.parent), n=1)
        raise InputError(f"{place}: no such file{f'; did you mean {near[0]}?' if near else ''}")
    if not place.is_dir():
        if not place.name.endswith(ENDINGS):
            raise InputError(f"{place}: unknown format; what can be read ends in {', '.join(ENDINGS)}")
        return [place]
    found = _images(place) or [file for pattern in _ANAT for folder in place.glob(pattern) for file in _t1w(folder)]
    if not found:
        raise InputError(f"{place}: no {', '.join(ENDINGS)} here, nor sub-*/anat/*{T1W}.nii.gz of a BIDS tree below")
    return found


def _images(folder: Path) -> list[Path]:
    all_of_them = [file for file in folder.iterdir() if is_image(file) and not _stem(file).endswith(_NO_IMAGES)]
    return [file for file in all_of_them if _stem(file).endswith(T1W)] or all_of_them


def _t1w(folder: Path) -> Iterator[Path]:
    return (file for file in folder.iterdir() if is_image(file) and _stem(file).endswith(T1W))


def _above(place: Path) -> list[Path]:
    return [*([place] if place.is_dir() else []), *place.absolute().parents][:_ABOVE]


def _table(place: Path) -> Table:
    found = next((folder / PARTICIPANTS for folder in _above(place) if (folder / PARTICIPANTS).is_file()), None)
    return Table() if found is None else table(found)


def _root(place: Path) -> Path:
    """The folder with the table; that of the images where there is none."""
    folder = place if place.is_dir() else place.parent
    return next((above for above in _above(place) if (above / PARTICIPANTS).is_file()), folder)


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def _stem(file: Path) -> str:
    ending = next((end for end in ENDINGS if file.name.endswith(end)), "")
    return file.name.removesuffix(ending)
