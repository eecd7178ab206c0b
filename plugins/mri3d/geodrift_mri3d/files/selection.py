r"""Which images are wanted.

`subjects` is "held-out", "training" or a pattern of names such as `IXI0*`. Another key is a column of the table, and
its value the one wanted. `rows` is a range such as "0:24" of what all others leave, sorted by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from geodrift.errors import InputError, unknown
from geodrift_mri3d.files.listing import Entry
from geodrift_mri3d.subjects import held_out

SUBJECTS, ROWS = "subjects", "rows"
HELD_OUT, TRAINING = "held-out", "training"
_SLICE = re.compile(r"(\d*):(\d*)")


def select(place: Path, entries: Sequence[Entry], columns: Sequence[str], where: Mapping[str, str]) -> list[Entry]:
    """The entries wanted.

    Raises:
        InputError: For an unknown key, no range, or when nothing is left.
    """
    wanted = list(entries)
    for key, value in where.items():
        if key == SUBJECTS:
            wanted = _named(place, wanted, str(value))
        elif key != ROWS:
            wanted = _matching(place, wanted, columns, key, str(value))
    return _range(place, wanted, str(where[ROWS])) if ROWS in where else wanted


def _named(place: Path, entries: Sequence[Entry], value: str) -> list[Entry]:
    if value in (HELD_OUT, TRAINING):
        kept = [entry for entry in entries if held_out(entry.subject) == (value == HELD_OUT)]
    else:
        kept = [entry for entry in entries if fnmatchcase(entry.name, value) or fnmatchcase(entry.subject, value)]
    if not kept:
        names = ", ".join(entry.name for entry in entries[:4])
        raise InputError(
            f'{place}: where.subjects={value} matches none of {names} …; give "held-out", "training" or a pattern'
        )
    return kept


def _matching(place: Path, entries: Sequence[Entry], columns: Sequence[str], key: str, value: str) -> list[Entry]:
    if key not in columns:
        raise InputError(f"{place}: where.{key}: {unknown('column', key, [SUBJECTS, ROWS, *columns])}")
    kept = [entry for entry in entries if _same(entry.texts.get(key, ""), value)]
    if not kept:
        values = sorted({entry.texts.get(key, "n/a") for entry in entries})
        raise InputError(f"{place}: where.{key}={value} matches no subject; values there: {', '.join(values[:8])}")
    return kept


def _same(text: str, value: str) -> bool:
    try:
        return text == value or float(text) == float(value)
    except ValueError:
        return False


def _range(place: Path, entries: Sequence[Entry], value: str) -> list[Entry]:
    bounds = _SLICE.fullmatch(value.strip())
    if bounds is None:
        raise InputError(f'where.rows: "{value}" is not a range; write "40:", ":40" or "40:80" (the first row is 0)')
    start, stop = (int(bound) if bound else None for bound in bounds.groups())
    kept = list(entries[start:stop])
    if not kept:
        raise InputError(f"{place}: where.rows={value} leaves none of {len(entries)} images; give a range within")
    return kept
