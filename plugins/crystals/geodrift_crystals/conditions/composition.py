r"""Compositions as counts of the elements that a model knows, and what may be asked of them.

A formula says how many atoms of each element a cell has: `SrTiO3` asks for five atoms, `Sr2Ti2O6` for ten. A chemical
system says which elements a cell has, each at least once: `Sr-Ti-O`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch
from pymatgen.core import Composition, Element
from torch import Tensor

from geodrift.errors import InputError
from geodrift_crystals.structures import MOST_ATOMS

ATOMS, FORMULA, SYSTEM = "atoms", "formula", "chemical_system"
_FORMULA = re.compile(r"(?:[A-Z][a-z]?[0-9.]*|[()\[\]{}][0-9.]*)+")


def counts(text: str, elements: Sequence[str]) -> Tensor:
    """Atoms of each element, `(K,)`, of a formula.

    Raises:
        InputError: When it does not parse, has parts of atoms or an element that is not known.
    """
    given = str(text).replace(" ", "")
    try:
        parsed = Composition(given) if _FORMULA.fullmatch(given) else Composition()
        amounts = {element.symbol: float(amount) for element, amount in parsed.items()}
    except (ValueError, KeyError, AttributeError):
        amounts = {}
    if not amounts:
        raise InputError(f"condition formula={text}: not a formula; write it as SrTiO3")
    _refuse_unknown(f"condition formula={text}", list(amounts), elements)
    if any(amount != round(amount) or amount < 1 for amount in amounts.values()):
        raise InputError(f"condition formula={text}: parts of atoms; give whole numbers of the atoms in a cell")
    if sum(amounts.values()) > MOST_ATOMS:
        raise InputError(
            f"condition formula={text}: {sum(amounts.values()):g} atoms; a cell may have up to {MOST_ATOMS}"
        )
    return torch.tensor([amounts.get(name, 0.0) for name in elements])


def system(text: str, elements: Sequence[str]) -> Tensor:
    """One for each element of a chemical system and zero for the others, `(K,)`.

    Raises:
        InputError: When it does not parse or has an element that is not known.
    """
    names = [name.strip() for name in re.split(r"[-, ]+", str(text)) if name.strip()]
    if not names or not all(Element.is_valid_symbol(name) for name in names):
        raise InputError(f"condition chemical_system={text}: not a list of elements; write it as Sr-Ti-O")
    _refuse_unknown(f"condition chemical_system={text}", names, elements)
    return torch.tensor([float(name in names) for name in elements])


def told(amounts: Tensor, elements: Sequence[str]) -> str:
    """The formula of counts `(K,)`, such as Sr2Ti2O6, in the order of electronegativity."""
    named = {name: count for name, count in zip(elements, amounts.tolist(), strict=True) if count}
    parts = str(Composition.from_dict(named).formula).split()
    return "".join(part.removesuffix("1") if part[:-1].isalpha() else part for part in parts)


def listed(members: Tensor, elements: Sequence[str]) -> str:
    """The chemical system of `(K,)` members."""
    return "-".join(name for name, member in zip(elements, members.tolist(), strict=True) if member)


def _refuse_unknown(what: str, names: Sequence[str], elements: Sequence[str]) -> None:
    strange = [name for name in names if name not in elements]
    if strange:
        known = ", ".join(elements)
        raise InputError(f"{what}: no {strange[0]} in the data that this model learned from; it knows {known}")
