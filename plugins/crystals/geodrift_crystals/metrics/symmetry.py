"""Space groups of many structures, and their sites that symmetry makes equal; see `geodrift_crystals.spacegroup`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib import metadata

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure

from geodrift_crystals.metrics.address import address
from geodrift_crystals.metrics.store import kept
from geodrift_crystals.spacegroup import ANGLE, symmetry_dataset

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

NUMBERS = 231  # 0 stands for none found
_STRICT = -1.0  # spglib's own, which follows from the tolerance of lengths


def space_groups(structures: Sequence[Structure], symprec: float, jobs: int = 1) -> Integers:
    """The number of each structure's space group, `(n,)`; 0 where spglib finds none."""
    rows = kept(described(symprec), list(map(address, structures)), structures, partial(_numbers, symprec), jobs, 128)
    return np.array([row[0] for row in rows], np.int64)


def described(symprec: float) -> str:
    """The search in a few words."""
    return f"spglib {metadata.version('spglib')}, symprec {symprec:g} Å and {ANGLE:g}°"


def orbits(structure: Structure, symprec: float) -> tuple[list[int], list[int]]:
    """One site of each set of sites that symmetry makes equal, and the numbers of sites in these sets."""
    found = symmetry_dataset(structure, symprec, _STRICT)
    if found is None:
        return list(range(len(structure))), [1] * len(structure)
    sites, counts = np.unique(np.asarray(found.equivalent_atoms), return_counts=True)
    return sites.tolist(), counts.tolist()


def _numbers(symprec: float, structures: Sequence[Structure]) -> list[Floats]:
    datasets = [symmetry_dataset(structure, symprec, ANGLE) for structure in structures]
    return [np.array([0.0 if found is None else float(found.number)]) for found in datasets]
