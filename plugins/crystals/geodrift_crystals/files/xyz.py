r"""Crystals of extended XYZ: a number of atoms, a line of `key=value`, and one line an atom, again and again.

`Lattice` holds the three vectors one after another, `Properties` the columns of the atoms' lines.

References:
    | https://github.com/libAtoms/extxyz
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from pymatgen.core import Structure

from geodrift.contents import text
from geodrift.errors import InputError, short
from geodrift_crystals.files.reading import NAME, Record
from geodrift_crystals.structures import MOST_ATOMS, Unrepresentable, crystal, distinct

_PAIR = re.compile(r"""(?<![^\s="'}])([^\s=]++)\s*+=\s*+(?:"([^"]*)"|'([^']*)'|\{([^}]*)\}|(\S+))""")
_COUNT = re.compile(r"\s*\d{1,9}\s*", re.ASCII)
_PLAIN = "species:S:1:pos:R:3"
_OURS = ("Lattice", "Properties", "pbc")


def records(path: Path) -> list[Record]:
    """One record a frame; the keys of its second line become properties."""
    lines = iter(text(path).rstrip().split("\n"))
    found: list[Record] = []
    for line in lines:
        if not _COUNT.fullmatch(line):
            raise InputError(f"{path}: frame {len(found) + 1} begins with {line[:40]!r}, not with a number of atoms")
        info = comment(next(lines, ""))
        atoms = list(islice(lines, int(line)))
        columns = {key: value for key, value in info.items() if key not in _OURS}
        name = columns.get(NAME) or f"frame {len(found) + 1}"
        frame = (info, atoms[: MOST_ATOMS + 1], int(line))
        found.append(Record(len(found) + 1, name, partial(structure, *frame), columns, partial(arrangement, *frame)))
    return found


def comment(line: str) -> dict[str, str]:
    """The pairs of a frame's second line."""
    return {
        match[1]: next(value for value in match.groups()[1:] if value is not None) for match in _PAIR.finditer(line)
    }


def structure(info: Mapping[str, str], lines: Sequence[str], count: int) -> Structure:
    """The crystal of a frame.

    Raises:
        Unrepresentable: With the reason.
    """
    return distinct(arrangement(info, lines, count))


def arrangement(info: Mapping[str, str], lines: Sequence[str], count: int) -> Structure:
    """What stands in a frame, also where atoms overlap.

    Raises:
        Unrepresentable: With the reason.
    """
    if "Lattice" not in info:
        raise Unrepresentable("no cell: the second line has no Lattice")
    if "F" in info.get("pbc", "").upper():
        raise Unrepresentable(f"not periodic: pbc is {info['pbc']}")
    if count > MOST_ATOMS:
        raise Unrepresentable(f"{count} atoms; a cell may have up to {MOST_ATOMS}")
    if len(lines) < count:
        raise Unrepresentable(f"truncated: {len(lines)} of {count} atoms")
    lattice = _numbers(info["Lattice"].split(), "Lattice")
    if len(lattice) != 9:
        raise Unrepresentable(f"no cell: Lattice has {len(lattice)} numbers, not 9")
    names, places = _columns(info.get("Properties", _PLAIN))
    rows = [line.split() for line in lines]
    if min(map(len, rows), default=0) < max(names, places + 2) + 1:
        raise Unrepresentable("truncated: an atom has too few columns")
    vectors = lattice.reshape(3, 3)
    positions = np.array([_numbers(row[places : places + 3], "a position") for row in rows])
    if abs(np.linalg.det(vectors)) < 1e-9:
        raise Unrepresentable("a cell without volume")
    return crystal(vectors, [row[names] for row in rows], positions @ np.linalg.inv(vectors))


def _columns(properties: str) -> tuple[int, int]:
    """The columns in which species and positions begin."""
    parts, start, found = properties.split(":"), 0, {}
    for name, _, width in zip(parts[::3], parts[1::3], parts[2::3], strict=False):
        found[name] = start
        start += int(width) if width.isdigit() else 1
    if "species" not in found or "pos" not in found:
        raise Unrepresentable(f"Properties={properties[:60]} names no species or no pos")
    return found["species"], found["pos"]


def _numbers(texts: Sequence[str], what: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    try:
        return np.array([float(value) for value in texts])
    except ValueError as error:
        raise Unrepresentable(f"{what}: {short(error)}") from None
