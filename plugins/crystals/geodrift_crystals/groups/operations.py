r"""The operations of the space groups, in their primitive cells.

An operation moves fractional positions, :math:`f \mapsto W f + w \bmod 1`, with integers :math:`W`. The tables are
those of spglib, the first setting of each group (unique axis b, the first origin, hexagonal axes); the
translations of a centred lattice are taken out by going to a primitive cell,

.. math:: W_p = P^{-1} W P, \qquad w_p = P^{-1} w,

the columns of :math:`P` its vectors. What is left is one operation for each element of the point group, and the cell is
one that a model of primitive cells knows.

References:
    | Spglib: a software library for crystal symmetry search (Togo et al., 2024), https://arxiv.org/abs/1808.01590
    | International Tables for Crystallography A (2016), chapter 1.5, https://doi.org/10.1107/97809553602060000114
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import spglib
from numpy.typing import NDArray

Floats = NDArray[np.float64]

GROUPS = 230
_SETTINGS = 530
_GRID = 24  # all translations are multiples of 1/24 in a primitive cell
_PRIMITIVE: Mapping[str, list[list[float]]] = {
    "P": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "A": [[1, 0, 0], [0, 0.5, 0.5], [0, -0.5, 0.5]],
    "C": [[0.5, 0.5, 0], [-0.5, 0.5, 0], [0, 0, 1]],
    "I": [[-0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.5, 0.5, -0.5]],
    "F": [[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]],
    "R": [[2 / 3, 1 / 3, 1 / 3], [-1 / 3, 1 / 3, 1 / 3], [-1 / 3, -2 / 3, 1 / 3]],
}
_FAMILIES = ((2, "triclinic"), (15, "monoclinic"), (74, "orthorhombic"), (142, "tetragonal"), (194, "hexagonal"))


@dataclass(frozen=True, eq=False)
class Operations:
    """The operations of a space group, one for each element of its point group.

    Arguments:
        rotations: Integer matrices, `(n, 3, 3)`, that act on columns of fractional positions.
        translations: Vectors in [0, 1), `(n, 3)`.
    """

    rotations: Floats
    translations: Floats

    def images(self, point: Floats) -> Floats:
        """Where the operations move a point, `(n, 3)`, not wrapped."""
        moved: Floats = self.rotations @ point + self.translations
        return moved

    def keeping(self, point: Floats, within: float = 1e-6) -> NDArray[np.bool_]:
        """Whether each operation moves a point to itself, up to a vector of the lattice."""
        way = self.images(point) - point
        kept: NDArray[np.bool_] = np.abs(way - np.rint(way)).max(-1) < within
        return kept


@cache
def operations(number: int) -> Operations:
    """The operations of the space group with this number of the International Tables, in a primitive cell."""
    table: Any = spglib.get_symmetry_from_database(_settings()[number])
    basis = primitive(number).T
    inverse = np.linalg.inv(basis)
    rotations = np.rint(inverse @ table["rotations"] @ basis).reshape(-1, 9)
    translations = np.rint(table["translations"] @ inverse.T % 1 * _GRID) % _GRID / _GRID
    distinct = np.unique(np.concatenate([rotations, translations], 1), axis=0)
    return Operations(distinct[:, :9].reshape(-1, 3, 3), distinct[:, 9:])


def primitive(number: int) -> Floats:
    """The vectors of the primitive cell, its rows, in those of the conventional one."""
    return np.array(_PRIMITIVE[symbol(number)[0]], np.float64)


def symbol(number: int) -> str:
    """The short Hermann-Mauguin symbol of a space group, such as Fm-3m."""
    return str(_kind(_settings()[number]).international_short)


def family(number: int) -> str:
    """The crystal family of a space group."""
    return next((name for last, name in _FAMILIES if number <= last), "cubic")


def numbered(name: str) -> int | None:
    """The number of the space group with this Hermann-Mauguin symbol, in any setting; none of a text that is none."""
    return _symbols().get(_plain(name))


@cache
def _settings() -> dict[int, int]:
    """The first setting of each space group."""
    found: dict[int, int] = {}
    for setting in range(1, _SETTINGS + 1):
        found.setdefault(_kind(setting).number, setting)
    return found


@cache
def _symbols() -> dict[str, int]:
    kinds = [_kind(setting) for setting in range(_SETTINGS, 0, -1)]
    return {_plain(name): kind.number for kind in kinds for name in _names(kind)}


def _names(kind: Any) -> list[str]:
    """What a setting is called; of a monoclinic one also without the axes that have no symmetry."""
    short = "".join(part for part in kind.international_full.split() if part != "1")
    monoclinic = [short] if family(kind.number) == "monoclinic" else []
    return [*monoclinic, kind.international_full, *kind.international.split("="), kind.international_short]


def _plain(name: str) -> str:
    return name.replace(" ", "").replace("_", "")


def _kind(setting: int) -> Any:
    return spglib.get_spacegroup_type(setting)
