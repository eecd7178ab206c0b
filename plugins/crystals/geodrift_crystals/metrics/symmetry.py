r"""The space group of a structure, as spglib finds it within a tolerance.

Generated structures are never exact: with spglib's own tolerance nearly all of them are P1. The tolerance `symprec` is
a distance in Å; figures compare at one tolerance only. That of angles is 5°, as for the groups that files name.

References:
    | Spglib: a software library for crystal symmetry search (Togo, Shinohara, Tanaka, 2024),
    | https://doi.org/10.1080/27660400.2024.2384822
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from functools import partial
from importlib import metadata
from typing import Any

import numpy as np
import spglib
from numpy.typing import NDArray
from pymatgen.core import Structure

from geodrift_crystals.metrics.address import address
from geodrift_crystals.metrics.store import kept

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

NUMBERS = 231  # 0 stands for none found
ANGLE = 5.0  # degrees, pymatgen's own: figures and files name the same group
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
    found = _dataset(structure, symprec, _STRICT)
    if found is None:
        return list(range(len(structure))), [1] * len(structure)
    sites, counts = np.unique(np.asarray(found.equivalent_atoms), return_counts=True)
    return sites.tolist(), counts.tolist()


def _numbers(symprec: float, structures: Sequence[Structure]) -> list[Floats]:
    datasets = [_dataset(structure, symprec, ANGLE) for structure in structures]
    return [np.array([0.0 if found is None else float(found.number)]) for found in datasets]


def _dataset(structure: Structure, symprec: float, angle: float) -> Any:
    """What spglib finds, None where it finds nothing."""
    kinds = {name: place for place, name in enumerate(sorted({site.species_string for site in structure}))}
    types = [kinds[site.species_string] for site in structure]
    os.environ.setdefault("SPGLIB_WARNING", "OFF")  # it writes to the error stream whenever it tries again
    cell = structure.lattice.matrix.tolist(), structure.frac_coords.tolist(), types
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return spglib.get_symmetry_dataset(cell, symprec=symprec, angle_tolerance=angle)
        except (spglib.SpglibError, ValueError):
            return None
