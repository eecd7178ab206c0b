r"""Records of files, and which of them are wanted.

A file is cut into records; a record is parsed when it has been selected, many of them by several processes. What a
record is wrong with is its own reason; the others go on.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from joblib import Parallel, delayed
from pymatgen.core import Structure

from geodrift.domain import Reading, Refusal
from geodrift.errors import InputError, unknown
from geodrift_crystals.structures import Unrepresentable

ROWS = "rows"
NAME = "material_id"
MANY = 5000
"""Records from which on several processes parse them: below, starting these takes longer than they save."""

_SLICE = re.compile(r"(\d*):(\d*)")
_BLOCK = 64  # records sent to a process at a time
Where = Mapping[str, str]


@dataclass(frozen=True)
class Record:
    """One entry of a file, before it is understood.

    Arguments:
        index: Line of the file or number of the record, from 1.
        name: What it is called, short enough to be shown.
        parse: Gives the crystal or raises `Unrepresentable`; it can be sent to another process.
        columns: Its other values by name, as text.
        rough: Gives it as it stands, also where it is not valid; without it there are only valid ones.
    """

    index: int
    name: str
    parse: Callable[[], Structure]
    columns: Mapping[str, str] = field(default_factory=dict)
    rough: Callable[[], Structure] | None = None


def select(path: Path, records: Sequence[Record], where: Where) -> Sequence[Record]:
    """The records in the rows asked for whose columns have these values."""
    wanted = records[_rows(where[ROWS])] if ROWS in where else records
    for column, value in where.items():
        if column != ROWS:
            wanted = _matching(path, wanted, column, value)
    return wanted


def understand(records: Sequence[Record], jobs: int | None = None) -> Reading:
    """The crystals of the records, and those that have none."""
    results = list(zip(records, parsed(records, jobs), strict=True))
    refused = [Refusal(record.index, record.name, result) for record, result in results if isinstance(result, str)]
    return Reading([result for _, result in results if not isinstance(result, str)], refused)


def parsed(records: Sequence[Record], jobs: int | None = None) -> list[Structure | str]:
    """The crystal of each record, with the columns among its properties, or the reason why it has none.

    Arguments:
        records: What to parse.
        jobs: Number of processes, -1 for all cores; by default one for few records and all cores for many.
    """
    processes = jobs or (-1 if len(records) >= MANY else 1)
    blocks = [records[start : start + _BLOCK] for start in range(0, len(records), _BLOCK)]
    return list(chain.from_iterable(Parallel(n_jobs=processes)(delayed(_parsed)(block) for block in blocks)))


def _parsed(records: Sequence[Record]) -> list[Structure | str]:
    """The crystal of each record, or the reason why it has none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # parsers mend and warn; what matters is checked here
        return [_crystal(record) for record in records]


def _crystal(record: Record) -> Structure | str:
    try:
        found = record.parse()
    except Unrepresentable as error:
        return str(error)
    except Exception as error:  # a parser of somebody else, on anything
        return f"cannot be parsed: {type(error).__name__}: {' '.join(str(error).split())[:120]}"
    found.properties = {**dict(_properties(record)), **found.properties}
    return found


def _properties(record: Record) -> Iterator[tuple[str, float | str]]:
    """The columns as properties: numbers where they are numbers, without the empty ones."""
    yield NAME, record.name
    for name, value in record.columns.items():
        if value and name != NAME:
            try:
                yield name, float(value)
            except ValueError:
                yield name, value


def _rows(given: str) -> slice:
    bounds = _SLICE.fullmatch(str(given).strip())
    if bounds is None:
        raise InputError(f'where.rows: "{given}" is not a range; write "40:", ":40" or "40:80" (the first row is 0)')
    start, stop = (int(bound) if bound else None for bound in bounds.groups())
    return slice(start, stop)


def _matching(path: Path, records: Sequence[Record], column: str, value: str) -> Sequence[Record]:
    known = dict.fromkeys(name for record in records for name in record.columns)
    if column not in known:
        raise InputError(f"{path}: where.{column}: {unknown('column', column, [ROWS, *known])}")
    kept = [record for record in records if record.columns.get(column) == str(value)]
    if not kept:
        values = sorted({record.columns.get(column, "") for record in records})
        raise InputError(f"{path}: where.{column}={value} matches no record; values there: {', '.join(values[:8])}")
    return kept
