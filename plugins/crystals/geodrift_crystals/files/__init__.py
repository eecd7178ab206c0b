r"""Files of crystals.

`read` takes a file or a folder: CIF, csv with a column `cif`, extended XYZ, POSCAR, each also compressed by gzip.
A folder that `write` filled stands for its samples: what could be decoded is read, the others are reported. `where`
keeps the records with certain values in certain columns, and `where={"rows": "40:"}` those in a range of the file.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from pymatgen.core import Structure

from geodrift.domain import Reading, Refusal
from geodrift.errors import InputError, short
from geodrift_crystals.files import cif, poscar, tables, xyz
from geodrift_crystals.files.generated import INVALID, SAMPLES, invalid, numbered
from geodrift_crystals.files.reading import Record, Where, select, understand
from geodrift_crystals.files.writing import FORMATS, write
from geodrift_crystals.structures import Unrepresentable

__all__ = ["FORMATS", "Reading", "read", "samples", "write"]

READERS: Mapping[str, Callable[[Path], list[Record]]] = {
    ".cif": cif.records,
    ".csv": tables.table,
    ".extxyz": xyz.records,
    ".xyz": xyz.records,
    ".poscar": poscar.records,
    ".vasp": poscar.records,
}
_VASP = ("POSCAR", "CONTCAR")


def read(path: str | Path, where: Where | None = None, jobs: int | None = None) -> Reading:
    """The crystals of a file or folder.

    Raises:
        InputError: For a file that does not exist, is empty, of an unknown format or without one good record.
    """
    place = Path(path)
    if not isinstance(where, Mapping | None):
        raise InputError(f"{place}: where: a table of columns and values, not {where!r}")
    broken: list[Refusal] = []
    records = [record for file in _files(place) for record in _records(file, place, broken)]
    reading = understand(select(place, records, where or {}), jobs)
    refused = [*broken, *reading.refused, *(Refusal(row.index, row.formula, row.reason) for row in invalid(place))]
    if not reading.objects:
        raise InputError(f"{place}: {_useless(refused)}")
    return Reading(reading.objects, refused)


def samples(path: str | Path) -> list[Structure]:
    """All generated crystals in a file or a folder that `write` filled, those that are not valid too, in their order.

    What could not be decoded, or cannot be read, is a cell without volume, which no metric takes for a valid one.
    """
    place = Path(path)
    records: list[Record] = []
    for file in _files(place):
        broken: list[Refusal] = []
        found = _records(file, place, broken)
        if broken and file.name == SAMPLES:
            raise InputError(f"{place}: {broken[0].name}: {broken[0].reason}")
        records += found or [Record(1, lost.name, partial(_refuse, lost.reason)) for lost in broken]
    return numbered(place, records)


def _refuse(reason: str) -> Structure:
    raise Unrepresentable(reason)


def _useless(refused: Sequence[Refusal]) -> str:
    if not refused:
        return "no records"
    first = refused[0]
    return f"none of {len(refused)} records can be read; the first: {first.index}: {first.name}: {short(first.reason)}"


def _records(file: Path, place: Path, broken: list[Refusal]) -> list[Record]:
    """The records of a file; one of many that cannot be opened is refused, and the others go on."""
    try:
        records = _reader(file)(file)
    except InputError as error:
        if not place.is_dir():
            raise
        broken.append(Refusal(1, file.name, str(error).removeprefix(f"{file}: ")))
        return []
    if place.is_dir() and len(records) > 1:
        return [replace(record, name=f"{file.name}: {record.name}") for record in records]
    return records


def _files(place: Path) -> list[Path]:
    if not place.exists():
        near = difflib.get_close_matches(place.name, _names(place.parent), n=1)
        raise InputError(f"{place}: no such file{f'; did you mean {near[0]}?' if near else ''}")
    if not place.is_dir():
        return [place]
    names = _names(place)
    ours = [name for name in (SAMPLES, INVALID) if name in names]
    files = [place / name for name in ours or names if (place / name).is_file() and _reads(place / name)]
    if not files and not ours:
        raise InputError(f"{place}: no file that can be read in this folder; formats: {_formats()}")
    return files


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def _formats() -> str:
    return ", ".join((*READERS, *_VASP))


def _reads(file: Path) -> Callable[[Path], list[Record]] | None:
    name = file.name.removesuffix(".gz")
    if name.upper().startswith(_VASP):
        return poscar.records
    return READERS.get(Path(name.lower()).suffix) if name != INVALID else None


def _reader(file: Path) -> Callable[[Path], list[Record]]:
    found = _reads(file)
    if found is None:
        raise InputError(f"{file}: unknown format; what can be read ends in {_formats()}, or in these and .gz")
    return found
