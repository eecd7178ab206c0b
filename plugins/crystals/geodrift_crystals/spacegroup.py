r"""The space group of a crystal, within a tolerance that is said wherever it is named.

References:
    | Spglib: a software library for crystal symmetry search (Togo et al., 2024), https://arxiv.org/abs/1808.01590
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

from pymatgen.core import Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

SYMPREC = 0.1
"""Å: how far atoms may be from where the space group puts them; that of the Materials Project."""


class SpaceGroup(NamedTuple):
    """Hermann-Mauguin symbol, and the number in the International Tables; `?` and 0 when none was found."""

    symbol: str
    number: int


def space_group(structure: Structure) -> SpaceGroup:
    """The space group that spglib finds within `SYMPREC`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = SpacegroupAnalyzer(structure, SYMPREC)
            return SpaceGroup(found.get_space_group_symbol(), found.get_space_group_number())
        except Exception:  # spglib gives up on atoms that overlap, in more than one way
            return SpaceGroup("?", 0)
