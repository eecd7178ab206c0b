r"""What reading a file gives, and which of its records are wanted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from geodrift import domain
from geodrift.domain import Refusal
from geodrift.errors import InputError, unknown
from geodrift_graphs.generic.packed import Unrepresentable

Kind = Literal["molecules", "graphs"]
Where = Mapping[str, str]
ROWS = "rows"
_SLICE = re.compile(r"(\d*):(\d*)")


@dataclass(frozen=True)
class Record:
    """One entry of a file, before it is understood.

    Arguments:
        index: Line of the text file, or number of the record, from 1.
        text: What stands there, short enough to be shown.
        columns: Its other values by name, as text.
        parse: Gives the molecule or graph, or raises `Unrepresentable`.
        rough: Gives it as it stands, valid or not; without it there are no objects that are not valid.
    """

    index: int
    text: str
    columns: Mapping[str, str]
    parse: Callable[[], Any]
    rough: Callable[[], Any] | None = None


@dataclass(frozen=True)
class Reading(domain.Reading):
    """What a file or a folder holds.

    Arguments:
        objects: RDKit molecules or networkx graphs.
        refused: What could not be read: line (or record) number, text, reason.
        kind: Which of the two.
    """

    kind: Kind


def select(path: Path, records: Sequence[Record], where: Where) -> Sequence[Record]:
    """The records in the rows asked for whose columns have these values."""
    wanted = records[_rows(where[ROWS])] if ROWS in where else records
    for column, value in where.items():
        if column != ROWS:
            wanted = _matching(path, wanted, column, value)
    return wanted


def understand(records: Iterable[Record]) -> tuple[list[Any], list[Refusal]]:
    """The objects of the records, and those that have none."""
    objects, refused = [], []
    for record in records:
        try:
            objects.append(record.parse())
        except Unrepresentable as error:
            refused.append(Refusal(record.index, record.text, str(error)))
    return objects, refused


def whatever(record: Record) -> Any:
    """The object of a record, as it stands where it is not valid."""
    try:
        return record.parse()
    except Unrepresentable:
        return record.rough() if record.rough else None


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
