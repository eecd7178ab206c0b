"""Cells as data for the viewer of the report: edges, and balls with their images on the faces of the cell."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure

from geodrift_crystals.report.elements import colour, radius
from geodrift_crystals.structures import symbols, wrapped

Floats = NDArray[np.float64]

_FACE = 0.02  # of an edge: atoms this near to a face are drawn on the opposite one too
_CROWDED = 64  # atoms from which on no images are drawn


def payload(crystals: Sequence[Structure]) -> str:
    """The crystals as JSON that may stand in a script element."""
    names = sorted({name for crystal in crystals for name in symbols(crystal)})
    looks = [[name, colour(name), radius(name)] for name in names]
    cells = [_cell(crystal, names) for crystal in crystals]
    return json.dumps({"elements": looks, "cells": cells}, separators=(",", ":")).replace("<", "\\u003c")


def _cell(crystal: Structure, names: Sequence[str]) -> dict[str, Any]:
    """The vectors of the cell, Å, and its balls: element and position from the middle of the cell."""
    vectors = crystal.lattice.matrix
    kinds = np.array([names.index(name) for name in symbols(crystal)])
    places, which = _images(wrapped(crystal.frac_coords))
    balls = np.round((places - 0.5) @ vectors, 3).tolist()
    kept = kinds[which].tolist()
    return {
        "vectors": np.round(vectors, 3).tolist(),
        "balls": [[kind, *ball] for kind, ball in zip(kept, balls, strict=True)],
    }


def _images(positions: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Positions with their images on the faces, and the atom that each is of."""
    atoms = np.arange(len(positions))
    if len(positions) >= _CROWDED:
        return positions, atoms
    found = [(positions, atoms)]
    for shift in itertools.product((-1, 0, 1), repeat=3):
        moved = positions + shift
        near = ((moved >= -_FACE) & (moved <= 1 + _FACE)).all(1)
        if any(shift) and near.any():
            found.append((moved[near], atoms[near]))
    return np.concatenate([part for part, _ in found]), np.concatenate([index for _, index in found])
