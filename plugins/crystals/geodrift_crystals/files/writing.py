r"""Samples as files.

Every sample that is a crystal becomes `00000.cif` (its number), the P1 cell as it was generated, beside the space group
that is found in it (within the `symprec` that the file states), and a frame of `samples.extxyz`. A sample that could
not be decoded has no CIF but a line in `invalid.csv`, with the reason, so that no share is lost. On request the same
goes to a database of ASE and a table in Parquet.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymatgen.core import Structure

from geodrift.errors import InputError, unknown
from geodrift_crystals.files import formatted
from geodrift_crystals.files.generated import INVALID, SAMPLES, Invalid, write_invalid
from geodrift_crystals.likeness import LIKE
from geodrift_crystals.spacegroup import SYMPREC, space_group
from geodrift_crystals.structures import FAILED, formula, symbols


@dataclass(frozen=True)
class Entry:
    """A sample that is a crystal.

    Arguments:
        index: Its number.
        structure: The crystal.
        group: Hermann-Mauguin symbol of its space group; `?` when none was found.
        number: Of the space group in the International Tables; 0 when none was found.
        like: The crystal that it was to be like, if any.
    """

    index: int
    structure: Structure
    group: str
    number: int
    like: str = ""


def write(objects: Sequence[Structure], folder: str | Path, formats: Sequence[str] = ()) -> list[Path]:
    """Write samples into a folder; the files written.

    Arguments:
        objects: Crystals, and what stands for samples that are none.
        folder: Is made if it does not exist.
        formats: Of `FORMATS`.

    Raises:
        InputError: For an unknown format, or one whose package is not installed.
    """
    for name in formats:
        if name not in FORMATS:
            raise unknown("format", name, FORMATS)
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    entries = [_entry(index, thing) for index, thing in enumerate(objects) if FAILED not in thing.properties]
    lost = [(index, thing) for index, thing in enumerate(objects) if FAILED in thing.properties]
    written = [_text(place / f"{entry.index:05}.cif", formatted.cif(entry, SYMPREC)) for entry in entries]
    frames = [formatted.frame(entry, SYMPREC) for entry in entries]
    (place / INVALID).unlink(missing_ok=True)
    written += [_text(place / SAMPLES, "".join(frames))] if frames else []
    rows = [Invalid(i, formula(symbols(thing)), str(thing.properties[FAILED]), _like(thing)) for i, thing in lost]
    written += [write_invalid(rows, place / INVALID)] if rows else []
    return written + [FORMATS[name](entries, place) for name in dict.fromkeys(formats)]


def _entry(index: int, structure: Structure) -> Entry:
    return Entry(index, structure, *space_group(structure), _like(structure))


def _like(structure: Structure) -> str:
    """The name as all files can hold it."""
    return re.sub(r"[\s\"']+", " ", str(structure.properties.get(LIKE, "")))


def _text(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


def _database(entries: Sequence[Entry], folder: Path) -> Path:
    try:
        from ase import Atoms
        from ase.db import connect
    except ModuleNotFoundError:
        raise InputError('format ase: needs ASE; pip install "geodrift[crystals]"') from None
    path = folder / "samples.db"
    path.unlink(missing_ok=True)
    with connect(path) as database:  # type: ignore[no-untyped-call]
        for entry in entries:
            cell, positions = entry.structure.lattice.matrix, entry.structure.frac_coords
            atoms = Atoms(symbols(entry.structure), scaled_positions=positions, cell=cell, pbc=True)
            told = {"space_group_found": entry.group, "space_group_number_found": entry.number, "symprec": SYMPREC}
            database.write(atoms, sample=entry.index, **told, data={LIKE: entry.like} if entry.like else {})
    return path


def _parquet(entries: Sequence[Entry], folder: Path) -> Path:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ModuleNotFoundError:
        raise InputError("format parquet: needs pyarrow; pip install pyarrow") from None
    path = folder / "samples.parquet"
    parquet.write_table(pa.Table.from_pylist([_row(entry) for entry in entries]), path)
    return path


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "sample": entry.index,
        "formula": entry.structure.composition.reduced_formula,
        "atoms": len(entry.structure),
        "space_group_found": entry.group,
        "space_group_number_found": entry.number,
        "symprec": SYMPREC,
        **({LIKE: entry.like} if entry.like else {}),
        "volume": entry.structure.volume,
        "density": float(entry.structure.density),
        "cif": formatted.cif(entry, SYMPREC),
    }


FORMATS: Mapping[str, Callable[[Sequence[Entry], Path], Path]] = {"ase": _database, "parquet": _parquet}
