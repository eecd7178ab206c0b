r"""Tables of crystals: the community's csv with a column `cif`, and Parquet of the same."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from geodrift.contents import text
from geodrift.errors import InputError, unknown
from geodrift_crystals.files import cif
from geodrift_crystals.files.reading import NAME, Record

CIF = "cif"
_LONGEST = 2**24  # characters of a cell: a CIF is longer than csv's default limit
_SHOWN = 80


def table(path: Path) -> list[Record]:
    """One crystal a row; the other columns become properties, `material_id` the name."""
    content = text(path)
    csv.field_size_limit(min(_LONGEST, sys.maxsize))
    reader = csv.DictReader(io.StringIO(content), strict=True)
    try:
        names = [name.strip() for name in reader.fieldnames or []]
        if CIF not in names:
            raise InputError(f"{path}: {unknown('column', CIF, [name[:_SHOWN] for name in names[:20]])}")
        reader.fieldnames = names
        return [_record(number, row) for number, row in enumerate(reader, 1)]
    except csv.Error as error:
        raise InputError(f"{path}: line {max(reader.line_num, 1)}: {error}") from None


def _record(number: int, row: dict[str, str | Sequence[str] | None]) -> Record:
    columns = {key: value.strip() for key, value in row.items() if key and isinstance(value, str) and key != CIF}
    given = row[CIF]
    content = given if isinstance(given, str) else ""
    return Record(
        number,
        (columns.get(NAME) or f"row {number}")[:_SHOWN],
        partial(cif.structure, content),
        columns,
        partial(cif.arrangement, content),
    )
