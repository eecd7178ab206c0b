r"""A folder that `write` filled: the images, and a table with all samples, those without an image too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from geodrift_mri3d.files.listing import ENDINGS, Entry, label_file
from geodrift_mri3d.files.participants import Row, Table, table
from geodrift_mri3d.volume import CONDITIONS, FAILED

SAMPLES = "samples.tsv"
SAMPLE, REASON, LIKE = "sample", "sample_failed", "sample_like"
OURS = (REASON, LIKE)
ENDING = ENDINGS[0]


def listed(folder: Path) -> tuple[list[Entry], Table]:
    """The samples of a folder in their order, and their table.

    Raises:
        InputError: When it is not the table that `write` wrote.
    """
    known = table(folder / SAMPLES, SAMPLE)
    columns = [name for name in known.columns if name not in OURS]
    return [_entry(folder, name, row) for name, row in known.rows.items()], Table(known.path, columns, known.rows)


def _entry(folder: Path, name: str, row: Row) -> Entry:
    told = {key: value for key, value in row.values.items() if key not in OURS}
    extra: dict[str, Any] = {CONDITIONS: told} if told else {}
    like, failed = row.texts.get(LIKE), row.texts.get(REASON)
    extra |= ({"like": like} if like else {}) | ({FAILED: failed} if failed else {})
    file = None if failed else folder / f"{name}{ENDING}"
    return Entry(name, file, label_file(folder, name), row.texts, extra, failed or row.problem)
