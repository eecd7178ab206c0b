"""Space groups: their operations, their special positions, and atoms that obey them."""

from __future__ import annotations

from geodrift_crystals.groups.operations import Operations, family, numbered, operations, symbol
from geodrift_crystals.groups.orbits import Orbits
from geodrift_crystals.groups.placements import Placements
from geodrift_crystals.groups.positions import Position, positions

__all__ = [
    "Operations",
    "Orbits",
    "Placements",
    "Position",
    "family",
    "numbered",
    "operations",
    "positions",
    "symbol",
]
