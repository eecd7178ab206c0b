r"""Crystals of VASP's POSCAR and CONTCAR."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from pymatgen.core import Structure

from geodrift.contents import text
from geodrift_crystals.files.reading import Record
from geodrift_crystals.structures import MOST_ATOMS, Unrepresentable, distinct, plain


def records(path: Path) -> list[Record]:
    """One crystal."""
    return [Record(1, path.name, partial(structure, text(path)))]


def structure(content: str) -> Structure:
    """The crystal of a POSCAR.

    Raises:
        Unrepresentable: When it is none.
    """
    from pymatgen.io.vasp import Poscar  # a second of imports

    if content.count("\n") > 3 * MOST_ATOMS:
        raise Unrepresentable(f"{content.count(chr(10))} lines; a cell may have up to {MOST_ATOMS} atoms")
    try:
        found = Poscar.from_str(content, read_velocities=False)
    except (ValueError, IndexError, KeyError, AttributeError) as error:
        raise Unrepresentable(f"not a POSCAR, or a truncated one: {' '.join(str(error).split())[:80]}") from None
    if not found.true_names:
        raise Unrepresentable("a POSCAR without the names of its elements")
    return distinct(plain(found.structure))
