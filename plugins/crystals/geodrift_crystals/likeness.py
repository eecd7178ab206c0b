r"""Cells that have the composition of given crystals: what structure prediction asks for.

A crystal is asked for as the model would learn it: by the atoms of its primitive cell where crystals are reduced to
that, so that the same compound in a larger cell asks for the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

import torch
from pymatgen.core import Structure

from geodrift.domain import Compact
from geodrift_crystals.packing import prepared
from geodrift_crystals.structures import symbols

LIKE = "like"
"""The property of a sample that names the crystal whose composition it was asked to have."""

ID = "material_id"


def formulas(
    name: str, crystals: Sequence[Any], elements: Sequence[str], reduce: bool, sizes: Collection[int]
) -> Compact:
    """The atoms of each element, `(M, K)` float, of each crystal, as the condition of this name.

    Arguments:
        name: Of the condition.
        crystals: pymatgen's structures or ASE's atoms.
        elements: That the model knows.
        reduce: To the primitive cell.
        sizes: Numbers of atoms that it knows.
    """
    sifted = prepared(crystals, reduce, sizes, elements)
    counts = [Counter(symbols(crystal)) for crystal in sifted.results]
    rows = torch.tensor([[float(count[element]) for element in elements] for count in counts])
    return Compact({name: rows}, sifted.kept, sifted.refused)


def answering(sample: Structure, crystal: Any, place: int) -> Structure:
    """The sample with the identifier of the crystal among its properties, or its place where it has none."""
    properties = getattr(crystal, "properties", None) or {}
    sample.properties[LIKE] = identifier(properties, place)
    return sample


def identifier(properties: dict[str, Any], place: int) -> str:
    """What a crystal at this place of a list is called."""
    return str(properties.get(ID, place))
