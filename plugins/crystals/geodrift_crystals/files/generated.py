r"""A folder that `write` filled: the crystals in one file, in order, and a list of the samples that are none."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path

from pymatgen.core import Composition, Structure

from geodrift.errors import InputError
from geodrift_crystals.files.reading import Record, parsed
from geodrift_crystals.likeness import ID, LIKE
from geodrift_crystals.structures import failed

SAMPLES = "samples.extxyz"
INVALID = "invalid.csv"
SAMPLE = "sample"
_HEAD = ("index", "formula", "reason", LIKE)


@dataclass(frozen=True)
class Invalid:
    """A sample that is no crystal.

    Arguments:
        index: Its number.
        formula: Of its atoms.
        reason: What is wrong.
        like: The crystal that it was to be like, if any.
    """

    index: int
    formula: str
    reason: str
    like: str = ""


def write_invalid(rows: Iterable[Invalid], path: Path) -> Path:
    """Write the list of samples that are no crystals."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_HEAD)
        writer.writerows(map(astuple, rows))
    return path


def invalid(folder: Path) -> list[Invalid]:
    """The samples of a folder that are no crystals; none where there is no list."""
    path = folder / INVALID
    if not path.is_file():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [
                Invalid(int(r["index"]), r["formula"], r["reason"], r.get(LIKE) or "") for r in csv.DictReader(file)
            ]
    except (OSError, KeyError, TypeError, ValueError):
        raise InputError(
            f"{path}: not the list that `geodrift generate` wrote; its columns are {', '.join(_HEAD[:3])}"
        ) from None


def numbered(folder: Path, records: Sequence[Record]) -> list[Structure]:
    """All samples in the order of their numbers; in that of the records where they have none."""
    found, rough = {}, [replace(record, parse=record.rough or record.parse) for record in records]
    for place, (record, result) in enumerate(zip(records, parsed(rough), strict=True)):
        crystal = failed([], result) if isinstance(result, str) else result
        crystal.properties |= _named(record)
        found[int(record.columns.get(SAMPLE, place))] = crystal
    for row in invalid(folder):
        found[row.index] = failed(_elements(row.formula), row.reason)
        found[row.index].properties |= {LIKE: row.like} if row.like else {}
    return [found[index] for index in sorted(found)]


def _named(record: Record) -> dict[str, str]:
    """The name of a record, and that of the crystal it is to be like, as texts."""
    return {ID: record.name} | {key: record.columns[key] for key in (ID, LIKE) if record.columns.get(key)}


def _elements(formula: str) -> list[str]:
    try:
        return [element.symbol for element, count in Composition(formula).items() for _ in range(int(count))]
    except ValueError:
        return []
