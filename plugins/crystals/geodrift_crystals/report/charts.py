"""Distributions of crystals against a reference: elements, space groups, density, volume, size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pymatgen.core import Structure

from geodrift.report.histogram import Values, histograms
from geodrift.report.parts import grid, section
from geodrift_crystals.report.bars import bars
from geodrift_crystals.spacegroup import SYMPREC, space_group
from geodrift_crystals.structures import symbols

MEASURED = 1000  # crystals that distributions are made from, evenly spaced in the list
_NAMES = ("Density, g/cm³", "Volume per atom, Å³", "Atoms in the cell", "Elements")


def charts(samples: Sequence[Structure], reference: Sequence[Structure]) -> str:
    """The distributions, and nothing where there are no samples."""
    some, real = _spaced(samples), _spaced(reference)
    if not some:
        return ""
    numbers = histograms(_NAMES, _columns(some), _columns(real), (len(some), len(real)))
    elements = bars("Share of atoms", _elements(some), _elements(real))
    groups = bars(f"Space group (symprec {SYMPREC} Å)", _groups(some), _groups(real))
    ticks = "<p>A tick is the share in the reference.</p>" if real else ""
    return section("Distributions", numbers, ticks, grid("charts", [elements, groups]))


def _spaced(crystals: Sequence[Structure]) -> Sequence[Structure]:
    return crystals[:: max(1, -(-len(crystals) // MEASURED))]


def _elements(crystals: Sequence[Structure]) -> list[str]:
    return [name for crystal in crystals for name in symbols(crystal)]


def _groups(crystals: Sequence[Structure]) -> list[str]:
    return [space_group(crystal).symbol for crystal in crystals]


def _columns(crystals: Sequence[Structure]) -> list[Values]:
    return [
        np.array([float(crystal.density) for crystal in crystals], np.float64),
        np.array([crystal.volume / len(crystal) for crystal in crystals], np.float64),
        np.array([len(crystal) for crystal in crystals], np.int64),
        np.array([len(crystal.composition) for crystal in crystals], np.int64),
    ]
