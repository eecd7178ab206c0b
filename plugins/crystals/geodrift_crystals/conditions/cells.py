r"""From exact conditions to the cells to generate: how many atoms, of which elements.

Conditions may be asked for together where they agree: a formula with a number of atoms stands for as many formula units
as that takes. What is not asked for is drawn from the training data: the number of atoms from its law, or, by a model
that is told compositions, a composition that has what was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from geodrift.errors import InputError
from geodrift.rng import Streams
from geodrift_crystals.conditions.balance import balanced, multiplicities, tried
from geodrift_crystals.conditions.composition import listed, told
from geodrift_crystals.conditions.neutral import named, neutral
from geodrift_crystals.conditions.wishes import Wishes
from geodrift_crystals.groups import symbol
from geodrift_crystals.groups.placements import placements
from geodrift_crystals.sizes import ranges


@dataclass(frozen=True, eq=False)
class Learned:
    """What training data say about cells.

    Arguments:
        law: Probability of each number of atoms, from 0 to the largest.
        table: Compositions `(C, K)` of which each cell has one, or None for a model that makes its own.
        weights: How often each occurs, `(C,)`.
    """

    law: Sequence[float]
    table: Tensor | None = None
    weights: Tensor | None = None

    @property
    def sizes(self) -> tuple[int, ...]:
        """The numbers of atoms that cells have, ascending."""
        return tuple(size for size, share in enumerate(self.law) if size and share)

    def refuse(self, asked: str) -> InputError:
        """What to say of a condition that asks for another number of atoms."""
        return InputError(f"condition {asked}; the cells that this model learned from have {ranges(self.sizes)}")


def amounts(wishes: Wishes, learned: Learned, rng: Streams) -> Tensor | None:
    """The atoms of each element in each cell, `(B, K)`; None when a model is to find them.

    Raises:
        InputError: When conditions exclude each other, no composition has what they ask for, or no cell so many atoms.
    """
    if wishes.formulas is not None:
        distinct, which = torch.unique(wishes.formulas, dim=0, return_inverse=True)
        return torch.stack([_formula(wishes, units, learned) for units in distinct])[which]
    if wishes.atoms is not None and wishes.atoms not in learned.sizes:
        raise learned.refuse(f"atoms={wishes.atoms:g}")
    if learned.table is None or learned.weights is None:
        return None
    fits = _fitting(wishes, learned.table)
    if not fits.any():
        raise InputError(f"condition {_said(wishes)}: no composition of the training data has that; ask for a formula")
    return learned.table[rng.categorical((learned.weights * fits).expand(len(rng), -1))]


def sizes(wishes: Wishes, learned: Learned, rng: Streams) -> Tensor:
    """The number of atoms of each cell, `(B,)`, where no composition is known.

    Raises:
        InputError: When no cell can have what is asked for.
    """
    asked = wishes.atoms
    law = [share if asked in (None, size) else 0.0 for size, share in enumerate(learned.law)]
    _enough(wishes, law)
    law = [share if size >= wishes.least else 0.0 for size, share in enumerate(law)]
    rules: tuple[tuple[str, Callable[[int], bool]], ...] = (
        (f"space_group={symbol(wishes.group or 1)}: its positions hold", lambda size: _placed(wishes, (size,))),
        ("neutral=true: its elements can make", lambda size: _balanced(wishes, size)),
    )
    for name, rule in rules:
        law = [share if share and rule(size) else 0.0 for size, share in enumerate(law)]
        if not any(law):
            number = f"{asked:g}" if asked is not None else "as many"
            raise InputError(f"condition {name} no cell of {number} atoms that has what is asked for")
    return rng.categorical(torch.tensor(law, dtype=torch.float64).expand(len(rng), -1))


def _enough(wishes: Wishes, law: Sequence[float]) -> None:
    """Raise `InputError` where cells have too few atoms for the elements or sites that are asked for."""
    largest = max(size for size, share in enumerate(law) if share)
    limit = f"{largest}" if wishes.atoms is not None else f"at most {largest}"
    sites = int(wishes.given.sum())
    if sites > largest:
        raise InputError(f"condition sites: {sites} sites, more than the {limit} atoms of a cell")
    if wishes.system is not None and wishes.least > largest:
        name = listed(wishes.system, wishes.elements)
        besides = f" beside {sites} sites" if sites else ""
        raise InputError(f"condition chemical_system={name}: more elements than the {limit} atoms of a cell{besides}")


def _formula(wishes: Wishes, units: Tensor, learned: Learned) -> Tensor:
    """The composition `(K,)` that a formula asks for, with the other conditions."""
    name, total = told(units, wishes.elements), int(units.sum())
    times = 1.0 if wishes.atoms is None else wishes.atoms / total
    if times != round(times) or times < 1:
        raise InputError(f"conditions formula={name} and atoms={wishes.atoms:g}: not a multiple of its {total} atoms")
    if times * total not in learned.sizes:
        raise learned.refuse(f"formula={name}: {times * total:g} atoms")
    found = units * int(times)
    if (wishes.given > found).any():
        sites, own = (told(counts, wishes.elements) for counts in (wishes.given, found))
        raise InputError(f"conditions sites and formula={name}: the sites are {sites}, more than {own}")
    if not _placed(wishes, _counts(found)):
        group, own = symbol(wishes.group or 1), told(found, wishes.elements)
        raise InputError(f"conditions space_group={group} and formula={name}: its positions hold no cell of {own}")
    return found


def _fitting(wishes: Wishes, table: Tensor) -> Tensor:
    """Whether each composition `(C, K)` has what is asked for, `(C,)`."""
    fits = (table >= wishes.given).all(-1)
    if wishes.atoms is not None:
        fits &= table.sum(-1) == wishes.atoms
    if wishes.system is not None:
        fits &= ((table > 0) == wishes.system).all(-1)
    for place in fits.nonzero()[:, 0].tolist() if wishes.group is not None or wishes.neutral else ():
        charged = wishes.neutral and not neutral(named(table[place].tolist(), wishes.elements))
        fits[place] = not charged and _placed(wishes, _counts(table[place]))
    return fits


def _said(wishes: Wishes) -> str:
    said = {
        "atoms": None if wishes.atoms is None else f"{wishes.atoms:g}",
        "chemical_system": None if wishes.system is None else listed(wishes.system, wishes.elements),
        "sites": None if wishes.sites is None else told(wishes.given, wishes.elements),
        "space_group": None if wishes.group is None else symbol(wishes.group),
        "neutral": "true" if wishes.neutral else None,
    }
    return ", ".join(f"{name}={value}" for name, value in said.items() if value is not None)


def _counts(amounts: Tensor) -> tuple[int, ...]:
    return tuple(sorted(int(count) for count in amounts.tolist() if count))


def _placed(wishes: Wishes, counts: tuple[int, ...]) -> bool:
    """Whether the positions of the space group hold a composition."""
    least = wishes.least if len(counts) == 1 else 0
    return wishes.group is None or placements(wishes.group, counts, least).total > 0


def _balanced(wishes: Wishes, size: int) -> bool:
    """Whether the elements of the chemical system can make a cell of so many atoms without charge."""
    if not wishes.neutral or wishes.system is None:
        return True
    members = wishes.system.nonzero()[:, 0].tolist()
    names, given = tuple(wishes.elements[k] for k in members), tuple(wishes.given[members].tolist())
    if wishes.group is None:
        return bool(balanced(names, given, (1,) * (size - sum(given))))
    ways = tried(placements(wishes.group, (size,), wishes.least))
    return any(balanced(names, given, tuple(sorted(multiplicities(wishes.group, way)))) for way in ways)
