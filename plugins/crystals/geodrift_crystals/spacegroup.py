r"""The space group of a crystal, as spglib finds it within a tolerance that is said wherever it is named.

Generated structures are never exact: with spglib's own tolerance nearly all of them are P1. The tolerance `symprec` is
a distance in Å; figures compare at one tolerance only.

References:
    | Spglib: a software library for crystal symmetry search (Togo, Shinohara, Tanaka, 2024),
    | https://doi.org/10.1080/27660400.2024.2384822
"""

from __future__ import annotations

import os
import warnings
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import spglib
from pymatgen.core import Structure

SYMPREC = 0.1
"""Å: how far atoms may be from where the space group puts them; that of the Materials Project."""
ANGLE = 5.0
"""Degrees, pymatgen's own: how far angles may be from those of the space group."""
_KEPT = 2**14  # answers: files and report name the same groups


class SpaceGroup(NamedTuple):
    """Hermann-Mauguin symbol, and the number in the International Tables; `?` and 0 when none was found."""

    symbol: str
    number: int


def space_group(structure: Structure) -> SpaceGroup:
    """The space group that spglib finds within `SYMPREC`."""
    return _named(*_cell(structure))


def symmetry_dataset(structure: Structure, symprec: float, angle: float) -> Any:
    """All that spglib finds, None where it finds nothing."""
    return _search(*_cell(structure), symprec, angle)


def _cell(structure: Structure) -> tuple[bytes, bytes, tuple[int, ...]]:
    """Lattice, positions and kinds of atoms, as a key."""
    names = [site.species_string for site in structure]
    kinds = {name: place for place, name in enumerate(sorted(set(names)))}
    return structure.lattice.matrix.tobytes(), structure.frac_coords.tobytes(), tuple(kinds[name] for name in names)


@lru_cache(maxsize=_KEPT)
def _named(lattice: bytes, frac: bytes, kinds: tuple[int, ...]) -> SpaceGroup:
    found = _search(lattice, frac, kinds, SYMPREC, ANGLE)
    return SpaceGroup("?", 0) if found is None else SpaceGroup(found.international, int(found.number))


def _search(lattice: bytes, frac: bytes, kinds: tuple[int, ...], symprec: float, angle: float) -> Any:
    os.environ.setdefault("SPGLIB_WARNING", "OFF")  # it writes to the error stream whenever it tries again
    matrix, positions = (np.frombuffer(part).reshape(-1, 3) for part in (lattice, frac))
    if not (np.isfinite(matrix).all() and np.isfinite(positions).all()):
        return None  # spglib would end the whole process
    cell = matrix.tolist(), positions.tolist(), kinds
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:  # it gives up on atoms that overlap, in more than one way
            return spglib.get_symmetry_dataset(cell, symprec=symprec, angle_tolerance=angle)
        except (spglib.SpglibError, ValueError):
            return None
