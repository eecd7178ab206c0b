r"""What counts as a crystal here: an ordered arrangement of elements in a cell, all positions known.

The cell is P1, right-handed, positions in [0, 1). Its Niggli form has the shortest vectors, so that a crystal that was
written in two cells is learned once. It is found from the primitive cell; `primitive` merges atoms that a translation
carries into each other to within 0.01 Å, far below any distortion that matters.

References:
    | Numerically stable algorithms for the computation of reduced unit cells (Grosse-Kunstleve et al., 2004), https://doi.org/10.1107/S010876730302186X
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Composition, Element, Lattice, Structure

Floats = NDArray[np.float64]

MOST_ATOMS = 500
"""Largest number of atoms in a cell: states are dense in pairs of atoms."""

SMALLEST_VOLUME = 0.1
"""Å³, of a cell; less is none."""

DUPLICATE = 0.1
"""Å: two atoms nearer than this are one that is written twice."""

FLATTEST = 200.0
"""Longest vector of a cell over its least height; the lattice points that a reduction looks at grow with its square."""

MERGED = 0.01  # Å, of atoms that are one in the primitive cell
FAILED = "failed"


class Unrepresentable(ValueError):
    """Something that is no crystal in this sense; the message is the reason."""


def crystal(lattice: Floats, elements: Sequence[str], positions: Floats) -> Structure:
    """The crystal with these lattice vectors (rows, Å), elements and fractional positions.

    Raises:
        Unrepresentable: With the reason.
    """
    if not elements:
        raise Unrepresentable("no atoms")
    if len(elements) > MOST_ATOMS:
        raise Unrepresentable(f"{len(elements)} atoms; a cell may have up to {MOST_ATOMS}")
    if not (np.isfinite(lattice).all() and np.isfinite(positions).all()):
        raise Unrepresentable("a number of the cell or the positions is not finite")
    volume = abs(float(np.linalg.det(lattice)))
    if volume < SMALLEST_VOLUME:
        raise Unrepresentable(f"a cell without volume ({volume:.2g} Å³)")
    return Structure(Lattice(lattice), [element(name) for name in elements], wrapped(positions))


def plain(structure: Structure) -> Structure:
    """The same crystal without charges, labels and site properties; its own properties stay.

    Raises:
        Unrepresentable: When it is disordered, or for any reason that `crystal` has.
    """
    if not structure.is_ordered:
        site = next(site for site in structure if not site.is_ordered)
        raise Unrepresentable(f"partial occupancy: {site.species_string}")
    found = crystal(structure.lattice.matrix, symbols(structure), structure.frac_coords)
    found.properties = dict(structure.properties)
    return found


def distinct(structure: Structure) -> Structure:
    """The crystal itself.

    Raises:
        Unrepresentable: When an atom of it is written twice.
    """
    apart = structure.frac_coords[:, None] - structure.frac_coords[None]
    squares = np.square((apart - np.round(apart)) @ structure.lattice.matrix).sum(-1)
    np.fill_diagonal(squares, np.inf)
    i, j = np.unravel_index(int(squares.argmin()), squares.shape)
    if squares[i, j] < DUPLICATE**2:
        one, other = (structure[int(index)].specie.symbol for index in (i, j))
        raise Unrepresentable(f"duplicate sites: {one} and {other} at the same place")
    return structure


def symbols(structure: Structure) -> list[str]:
    """The element of each atom of an ordered crystal."""
    return [site.specie.symbol for site in structure]


def element(name: str) -> str:
    """The symbol of an element; deuterium and tritium are hydrogen.

    Raises:
        Unrepresentable: When there is no such element.
    """
    if not Element.is_valid_symbol(name):
        raise Unrepresentable(f"unknown element {name}")
    return "H" if name in ("D", "T") else name


def wrapped(positions: Floats) -> Floats:
    """Fractional positions in [0, 1)."""
    inside = positions - np.floor(positions)
    return np.where(inside >= 1, 0.0, inside)  # a small negative number rounds to one


def right_handed(structure: Structure) -> Structure:
    """The crystal with all vectors of its cell reversed if they are left-handed."""
    if structure.lattice.matrix[0] @ np.cross(*structure.lattice.matrix[1:]) > 0:
        return structure
    return _like(structure, -structure.lattice.matrix, -structure.frac_coords)


def niggli(structure: Structure) -> Structure:
    """The crystal in the Niggli cell of its primitive lattice; its own properties stay.

    Raises:
        Unrepresentable: When the cell is too flat, or the reduction does not end.
    """
    if flatness(structure.lattice.matrix) > FLATTEST:
        raise Unrepresentable("a cell too flat to be reduced")
    try:
        found = structure if _is_primitive(structure) else structure.get_primitive_structure(tolerance=MERGED)
        if not _is_upright(found.lattice):
            found = found.get_reduced_structure("niggli")
    except Exception as error:  # a reduction of a nearly flat cell may fail in several ways
        raise Unrepresentable(f"the cell cannot be reduced: {error}") from None
    return right_handed(_like(structure, found.lattice.matrix, found.frac_coords, symbols(found)))


def flatness(lattice: Floats) -> float:
    """The longest vector over the least height between two faces."""
    heights = 1 / np.linalg.norm(np.linalg.inv(lattice), axis=0)
    return float(np.linalg.norm(lattice, axis=1).max() / heights.min())


def failed(elements: Sequence[str], reason: str) -> Structure:
    """What stands for a sample that is no crystal: a cell without volume, with the reason among its properties."""
    found = Structure(Lattice.cubic(0.1), list(elements), np.zeros((len(elements), 3)))
    found.properties = {FAILED: reason}
    return found


def formula(elements: Sequence[str]) -> str:
    """The composition of a cell, such as Sr1 Ti1 O3, in the order of electronegativity."""
    return str(Composition.from_dict({name: list(elements).count(name) for name in elements}).formula)


def adopted(thing: Any) -> Structure:
    """A pymatgen structure, also of ASE's atoms."""
    if isinstance(thing, Structure):
        return thing
    if hasattr(thing, "get_scaled_positions"):
        return Structure(Lattice(thing.cell[:]), thing.get_chemical_symbols(), thing.get_scaled_positions())
    raise Unrepresentable(f"{type(thing).__name__} is neither a pymatgen Structure nor ASE's Atoms")


def _like(structure: Structure, lattice: Floats, positions: Floats, elements: list[str] | None = None) -> Structure:
    found = Structure(Lattice(lattice), elements or symbols(structure), wrapped(positions))
    found.properties = dict(structure.properties)
    return found


def _is_primitive(structure: Structure) -> bool:
    """Whether the numbers of atoms alone exclude a smaller cell."""
    return math.gcd(*(int(count) for count in structure.composition.values())) == 1


def _is_upright(lattice: Lattice) -> bool:
    """Whether a cell is a box with sides that do not fall, which no reduction changes."""
    a, b, c = lattice.abc
    return lattice.angles == (90.0, 90.0, 90.0) and a <= b <= c
