r"""Files of molecules and graphs.

`read` takes a file or a folder of files of one kind. A folder that `write` filled stands for its samples: the valid
ones are read, the invalid ones are reported. `where` keeps the records with certain values in certain columns, and
`where={"rows": "40:"}` those in a range of the file.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from geodrift.domain import Refusal
from geodrift.errors import InputError, short
from geodrift_graphs.files import graphs, molecules
from geodrift_graphs.files.reading import Kind, Reading, Record, Where, select, understand, whatever
from geodrift_graphs.files.writing import SAMPLES, write

__all__ = ["Reading", "read", "samples", "write"]


class Format(NamedTuple):
    kind: Kind
    records: Callable[[Path], list[Record]]


FORMATS: Mapping[str, Format] = {
    ".smi": Format("molecules", molecules.smi),
    ".csv": Format("molecules", molecules.table),
    ".sdf": Format("molecules", molecules.sdf),
    ".g6": Format("graphs", graphs.graph6),
    ".graphml": Format("graphs", graphs.graphml),
    ".npz": Format("graphs", graphs.npz),
}


def read(path: str | Path, where: Where | None = None) -> Reading:
    """The molecules or graphs of a file or folder.

    Raises:
        InputError: For a file that does not exist, is empty, of an unknown format or without one good record.
    """
    place = Path(path)
    if not isinstance(where, Mapping | None):
        raise InputError(f"{place}: where: a table of columns and values, not {where!r}")
    files = _files(place)
    kinds = {_format(file).kind: file.name for file in files}
    if len(kinds) > 1:
        raise InputError(f"{place}: holds molecules ({kinds['molecules']}) and graphs ({kinds['graphs']}); name a file")
    records = [record for file in files for record in _records(file, file.name if place.is_dir() else "")]
    objects, refused = understand(select(place, records, where or {}))
    if not objects:
        raise InputError(f"{place}: {_useless(refused)}")
    return Reading(objects, refused, next(iter(kinds)))


def _useless(refused: Sequence[Refusal]) -> str:
    if not refused:
        return "no records"
    first = refused[0]
    return f"none of {len(refused)} records can be read; the first: {first.index}: {first.name}: {short(first.reason)}"


def samples(path: str | Path) -> list[Any]:
    """All generated molecules or graphs in a file or a folder that `write` filled, those that are not valid too.

    A record that is not even SMILES is a molecule without atoms, which no metric takes for a valid one.
    """
    files = [file for file in _files(Path(path)) if file.stat().st_size or not Path(path).is_dir()]
    objects = [whatever(record) for file in files for record in _records(file, "")]
    return [thing for thing in objects if thing is not None]


def _records(file: Path, prefix: str) -> list[Record]:
    records = _format(file).records(file)
    return [replace(record, text=f"{prefix}: {record.text}") for record in records] if prefix else records


def _files(place: Path) -> list[Path]:
    if not place.exists():
        near = difflib.get_close_matches(place.name, _names(place.parent), n=1)
        raise InputError(f"{place}: no such file{f'; did you mean {near[0]}?' if near else ''}")
    if not place.is_dir():
        return [place]
    names = next((group for group in SAMPLES if group[0] in _names(place)), _names(place))
    files = [place / name for name in names if (place / name).is_file() and _suffix(place / name) in FORMATS]
    if not files:
        raise InputError(f"{place}: no file that can be read in this folder; formats: {', '.join(FORMATS)}")
    return files


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def _suffix(file: Path) -> str:
    return Path(file.name.lower().removesuffix(".gz")).suffix


def _format(file: Path) -> Format:
    if _suffix(file) not in FORMATS:
        raise InputError(f"{file}: unknown format; what can be read ends in {', '.join(FORMATS)}, or in these and .gz")
    return FORMATS[_suffix(file)]
