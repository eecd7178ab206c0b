r"""A folder that `write` filled: the images, and a table with all samples, those without an image too."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from geodrift.errors import short
from geodrift.samples import MANIFEST, opened
from geodrift_mri3d.files.listing import ENDINGS, Entry, label_file
from geodrift_mri3d.files.participants import Row, Table, table
from geodrift_mri3d.volume import CONDITIONS, FAILED

SAMPLES = "samples.tsv"
SAMPLE, REASON, LIKE = "sample", "sample_failed", "sample_like"
OURS = (REASON, LIKE)
ENDING = ENDINGS[0]
_PLAIN = re.compile(r"\w[\w. -]{0,150}")  # a name that cannot lead out of the folder


def listed(folder: Path) -> tuple[list[Entry], Table]:
    """The samples of a folder in their order, and their table.

    Raises:
        InputError: When it is not the table that `write` wrote.
    """
    known, common = table(folder / SAMPLES, SAMPLE), _asked(folder)
    columns = [name for name in known.columns if name not in OURS]
    found = [_entry(folder, name, row, common) for name, row in known.rows.items()]
    return found, Table(known.path, columns, known.rows)


def _asked(folder: Path) -> Mapping[str, Any]:
    """What all samples of a run were asked to be, as its manifest says, where there is one."""
    return opened(folder).conditions if (folder / MANIFEST).is_file() else {}


def _entry(folder: Path, name: str, row: Row, common: Mapping[str, Any]) -> Entry:
    told = {**common, **{key: value for key, value in row.values.items() if key not in OURS}}
    extra: dict[str, Any] = {CONDITIONS: told} if told else {}
    like, failed = row.texts.get(LIKE), row.texts.get(REASON)
    extra |= ({"like": like} if like else {}) | ({FAILED: failed} if failed else {})
    if not _PLAIN.fullmatch(name):
        problem = f'{folder / SAMPLES}: line {row.line}: "{short(name)}" is not the name of a sample'
        return Entry(short(name), None, None, row.texts, extra, failed or problem)
    file = None if failed else folder / f"{name}{ENDING}"
    return Entry(name, file, label_file(folder, name), row.texts, extra, failed or row.problem)
