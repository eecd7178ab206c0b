r"""What is known of subjects: the table `participants.tsv` of BIDS, a row each.

A column is of numbers when most of its values are, and `age` always; in it a text is a fault of the row, and so is an
age beyond 0 to 120. `n/a` and nothing are missing values. A subject of a faulty row is left out, not guessed.

References:
    | https://bids-specification.readthedocs.io/en/stable/modality-agnostic-files/data-summary-files.html
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from geodrift.contents import text
from geodrift.errors import InputError, unknown

PARTICIPANTS = "participants.tsv"
ID = "participant_id"
AGE = "age"
RANGES = {AGE: (0.0, 120.0)}
_MISSING = ("", "n/a", "na", "nan", "none")
_LARGEST = 2**26  # bytes

Value = float | str


@dataclass(frozen=True)
class Row:
    """What a table says of a subject.

    Arguments:
        line: Of the file, from 1.
        texts: As written, by column, without what is missing.
        values: Numbers and texts by column.
        problem: What is wrong with it; empty when nothing is.
    """

    line: int
    texts: Mapping[str, str]
    values: Mapping[str, Value] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True)
class Table:
    """The rows of a table.

    Arguments:
        path: The file; None when there is none.
        columns: Their names, in order, without that of the subjects.
        rows: By the name of the subject.
    """

    path: Path | None = None
    columns: Sequence[str] = ()
    rows: Mapping[str, Row] = field(default_factory=dict)

    def row(self, subject: str) -> Row | None:
        """The row of a subject, with or without BIDS' `sub-`."""
        return self.rows.get(subject) or self.rows.get(f"sub-{subject}") or self.rows.get(subject.removeprefix("sub-"))


def table(path: Path, key: str = ID) -> Table:
    """The table in a file with tabs between columns.

    Arguments:
        path: The file.
        key: The column that names the rows.

    Raises:
        InputError: When it is no text or has no such column.
    """
    reader = csv.DictReader(io.StringIO(text(path, _LARGEST)), delimiter="\t", quoting=csv.QUOTE_NONE, restkey="")
    names = [name.strip() for name in reader.fieldnames or []]
    if key not in names:
        raise InputError(f"{path}: {unknown('column', key, names)}; are its columns separated by tabs?")
    reader.fieldnames = names
    lines = [(reader.line_num, _known(row), "" in row) for row in reader]
    columns = [name for name in names if name != key]
    numeric = {name for name in columns if _is_numeric(name, [texts.get(name) for _, texts, _ in lines])}
    found: dict[str, Row] = {}
    for line, texts, long in lines:
        name = texts.pop(key, "")
        row = _row(f"{path}: line {line} ({name})", line, texts, numeric, long)
        first = found.get(name)
        found[name] = _twice(path, name, first, row) if first and first.texts != row.texts else row
    return Table(path, columns, found)


def _twice(path: Path, name: str, first: Row, second: Row) -> Row:
    return Row(second.line, {}, {}, f"{path}: lines {first.line} and {second.line} differ about {name}; keep one")


def _row(place: str, line: int, texts: Mapping[str, str], numeric: set[str], long: bool) -> Row:
    problem = "more values than columns; correct the tabs" if long else ""
    values: dict[str, Value] = {}
    for name, written in texts.items():
        number = _number(written) if name in numeric else None
        values[name] = written if number is None else number
        problem = problem or (_problem(name, written, number) if name in numeric else "")
    return Row(line, texts, values, f"{place}: {problem}" if problem else "")


def _problem(name: str, text: str, number: float | None) -> str:
    if number is None:
        return f'{name} is "{text[:40]}", not a number; correct it or write n/a'
    low, high = RANGES.get(name, (-math.inf, math.inf))
    if not low <= number <= high:
        return f"{name} is {text}, not within {low:g} to {high:g}; correct it or write n/a"
    return ""


def _is_numeric(name: str, texts: Sequence[str | None]) -> bool:
    known = [text for text in texts if text is not None]
    return name in RANGES or 2 * sum(_number(text) is not None for text in known) > len(known)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _known(row: Mapping[str, str | Sequence[str] | None]) -> dict[str, str]:
    texts = {name: value.strip() for name, value in row.items() if name and isinstance(value, str)}
    return {name: text for name, text in texts.items() if text.lower() not in _MISSING}
