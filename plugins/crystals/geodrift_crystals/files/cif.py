r"""Crystals of CIF text.

pymatgen's parser expands the symmetry and mends much of what is out of specification, silently or with a warning. What
it would mend is looked at before: a model must not learn an invented P1 crystal from a file whose symmetry could not be
read, nor a crystal without the sites that a truncated file lost.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from pymatgen.core import Composition, Lattice, Structure
from pymatgen.io.cif import CifBlock, CifParser

from geodrift.contents import text
from geodrift_crystals.files.reading import Record
from geodrift_crystals.files.symmetry import is_p1, refuse_wrong_symmetry
from geodrift_crystals.structures import MOST_ATOMS, Unrepresentable, crystal, distinct, element, plain

CELL = tuple(
    f"_cell_{kind}" for kind in ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
)
POSITIONS = tuple(f"_atom_site_fract_{axis}" for axis in "xyz")
_LABEL, _TYPE, _OCCUPANCY = "_atom_site_label", "_atom_site_type_symbol", "_atom_site_occupancy"
_BLOCK = re.compile(r"^[^\S\n]*+data_", re.MULTILINE | re.IGNORECASE)
_LONGEST = 2048  # characters of a line, as the standard has it
_QUOTES = 200  # in a line; the parser takes the square of their number
_UNKNOWN = ("?", ".")
_SHARE = 0.01  # difference of an atomic share that is a missing site
Block = Mapping[str, Any]


def records(path: Path) -> list[Record]:
    """One record for each data block that has a cell or sites, or for the file when there is none."""
    parts = blocks(text(path))
    name = path.name.removesuffix(".gz").removesuffix(".cif")
    names = [name] if len(parts) == 1 else [f"{name} block {n}" for n in range(1, len(parts) + 1)]
    return [
        Record(n, name, partial(structure, part), rough=partial(arrangement, part))
        for n, (name, part) in enumerate(zip(names, parts, strict=True), 1)
    ]


def blocks(content: str) -> list[str]:
    """The data blocks of a CIF that describe a crystal; the whole text where none does."""
    starts = [match.start() for match in _BLOCK.finditer(content)]
    parts = [content[start:stop] for start, stop in pairwise([*starts, len(content)])]
    return [part for part in parts if "_atom_site_" in part or "_cell_length_" in part] or [content]


def structure(content: str) -> Structure:
    """The crystal of one data block.

    Raises:
        Unrepresentable: With the reason.
    """
    return distinct(arrangement(content))


def arrangement(content: str) -> Structure:
    """What stands in one data block, also where atoms overlap.

    Raises:
        Unrepresentable: With the reason.
    """
    start = _BLOCK.search(content)
    if start is None:
        raise Unrepresentable("not a CIF: no data_ block")
    _refuse_lines(content)
    block = _block(content[start.start() :].lstrip())
    _refuse_no_cell(block)
    _refuse_no_sites(block)
    _refuse_disorder(block)
    refuse_wrong_symmetry(block)
    found = _listed(block) if is_p1(block) else plain(_parsed(content[start.start() :]))
    _refuse_missing(block, found)
    return found


def _block(content: str) -> Block:
    try:
        block: Block = CifBlock.from_str(content).data
    except (ValueError, ZeroDivisionError):
        raise Unrepresentable("truncated or broken: a loop_ ends in the middle of a row") from None
    return block


def _listed(block: Block) -> Structure:
    """The crystal of a file that lists all sites of the cell."""
    lattice = Lattice.from_parameters(*(number(block[key], key) for key in CELL))
    positions = np.array([[number(value, key) for value in _column(block, key)] for key in POSITIONS])
    return crystal(lattice.matrix, _elements(block), positions.T)


def _parsed(content: str) -> Structure:
    parser = CifParser.from_str(content, check_cif=False)
    try:
        return parser.parse_structures(primitive=False, on_error="raise")[0]
    except ValueError as error:
        if "exceeded tolerance" in str(error):
            raise Unrepresentable("duplicate sites: two atoms at the same place") from None
        raise


def _refuse_lines(content: str) -> None:
    for line in content.split("\n"):
        if len(line) > _LONGEST:
            raise Unrepresentable(f"a line of {len(line)} characters; CIF has up to {_LONGEST}")
        if line.count("'") + line.count('"') > _QUOTES:
            raise Unrepresentable("a line of quotation marks; the file is damaged")


def _refuse_no_cell(block: Block) -> None:
    missing = [key for key in CELL if not isinstance(block.get(key), str)]
    if missing:
        raise Unrepresentable(f"no cell: {missing[0]} is missing")
    a, b, c, *angles = (number(block[key], key) for key in CELL)
    x, y, z = np.cos(np.radians(angles))
    if min(a, b, c) <= 0 or 1 + 2 * x * y * z - x * x - y * y - z * z <= 1e-9 or not max(angles) < 180:
        told = " ".join(f"{value:g}" for value in (a, b, c, *angles))
        raise Unrepresentable(f"a cell without volume: lengths and angles {told}")


def _refuse_no_sites(block: Block) -> None:
    missing = [key for key in POSITIONS if not block.get(key)]
    if missing:
        raise Unrepresentable(f"no sites: {missing[0]} is missing (a truncated file?)")
    rows = len(_column(block, POSITIONS[0]))
    if rows > MOST_ATOMS:
        raise Unrepresentable(f"{rows} sites; a cell may have up to {MOST_ATOMS}")
    if not (block.get(_LABEL) or block.get(_TYPE)):
        raise Unrepresentable(f"sites without elements: {_TYPE} is missing")
    names = _names(block)
    for key in POSITIONS:
        for name, value in zip(names, _column(block, key), strict=True):
            if value in _UNKNOWN:
                raise Unrepresentable(f"missing site: {name} has no position ({key} is {value})")
            number(value, f"{key} of {name}")
    _elements(block)


def _refuse_disorder(block: Block) -> None:
    for name, value in zip(_names(block), _column(block, _OCCUPANCY), strict=False):
        if value not in _UNKNOWN and abs(number(value, _OCCUPANCY) - 1) > 1e-3:
            raise Unrepresentable(f"partial occupancy: {name} {value}")


def _refuse_missing(block: Block, found: Structure) -> None:
    """Refuse sites that do not add up to what the file states: multiplicities, formula, formula units in the cell."""
    multiplicities = _column(block, "_atom_site_symmetry_multiplicity")
    if multiplicities and all(map(str.isdigit, multiplicities)) and sum(map(int, multiplicities)) != len(found):
        stated = sum(map(int, multiplicities))
        raise Unrepresentable(f"missing sites: {stated} by their multiplicities, {len(found)} by the symmetry")
    try:
        formula = Composition(str(block.get("_chemical_formula_sum", "")).strip("'\" "))
    except ValueError:
        return  # not a formula, such as "?"
    units = str(block.get("_cell_formula_units_Z", ""))
    counts = (formula.num_atoms, formula.num_atoms * int(units)) if units.isdigit() else (len(found),)
    shares = [abs(formula.get_atomic_fraction(e) - found.composition.get_atomic_fraction(e)) for e in formula]
    if shares and (max(shares) > _SHARE or min(abs(count - len(found)) for count in counts) > 0.5):
        told = found.composition.formula
        raise Unrepresentable(f"missing sites: the formula is {formula.formula}, the sites are {told}")


def _names(block: Block) -> Sequence[str]:
    return _column(block, _LABEL if block.get(_LABEL) else _TYPE)


def _column(block: Block, key: str) -> list[str]:
    values = block.get(key, [])
    return [values] if isinstance(values, str) else list(values)


def _elements(block: Block) -> list[str]:
    return [_element(name) for name in _column(block, _TYPE if block.get(_TYPE) else _LABEL)]


def _element(name: str) -> str:
    """The element at the beginning of a symbol or label: Cu, Cu2+, CU1 or C1."""
    letters = re.match(r"[A-Za-z]{1,2}", name)
    two = letters.group().title() if letters else name
    try:
        return element(two)
    except Unrepresentable:
        try:
            return element(two[:1])
        except Unrepresentable:
            raise Unrepresentable(f"unknown element {name}") from None


def number(value: str, what: str) -> float:
    """A number of a CIF, which may end in its uncertainty: 4.279(3).

    Raises:
        Unrepresentable: When it is not a finite number.
    """
    try:
        found = float(re.sub(r"\(.*$", "", value))
    except ValueError:
        found = np.nan
    if not np.isfinite(found):
        raise Unrepresentable(f"{what} is not a number: {value[:40]}")
    return found
