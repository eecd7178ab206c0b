r"""From exact conditions to the cells to generate: how many atoms, of which elements.

Atoms, formula and chemical system may be asked for together where they agree: a formula with a number of atoms stands
for as many formula units as that takes. What is not asked for is drawn from the training data: the number of atoms from
its law, or, by a model that is told compositions, a composition that has what was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from geodrift.errors import InputError
from geodrift.rng import Streams
from geodrift_crystals.composition import ATOMS, FORMULA, SYSTEM, listed, told


def sizes(cond: Mapping[str, Tensor], law: Sequence[float], elements: Sequence[str], rng: Streams) -> Tensor:
    """The number of atoms of each cell, `(B,)`.

    Arguments:
        cond: `atoms` `(B,)`, `chemical_system` `(B, K)`, or neither.
        law: Probability of each number of atoms in the training data, from 0.
        elements: Of the model.
        rng: One stream for each cell.

    Raises:
        InputError: When a cell of that many atoms is not known, or cannot have all elements of the system.
    """
    most = len(law) - 1
    asked = cond.get(ATOMS)
    if asked is not None:
        outside = (asked < 1) | (asked > most) | (asked != asked.round())
        if outside.any():
            raise InputError(f"condition atoms={float(asked[outside][0]):g}: a whole number from 1 to {most}")
    needed = cond[SYSTEM].sum(-1) if SYSTEM in cond else torch.ones(len(rng))
    chances = torch.tensor(law, dtype=torch.float64) * (torch.arange(most + 1) >= needed[:, None])
    short = needed > asked if asked is not None else chances.sum(-1) == 0
    if short.any():
        name = listed(cond[SYSTEM][int(short.nonzero()[0])], elements)
        limit = f"{float(asked[short][0]):g}" if asked is not None else f"at most {most}"
        raise InputError(f"condition chemical_system={name}: more elements than the {limit} atoms of a cell")
    return asked.long() if asked is not None else rng.categorical(chances)


def compositions(cond: Mapping[str, Tensor], most: int, elements: Sequence[str]) -> Tensor:
    """The atoms of each element in each cell, `(B, K)`, that a formula asks for, with the other conditions.

    Raises:
        InputError: When the conditions exclude each other, or the cell is larger than the model knows.
    """
    units = cond[FORMULA]
    total = units.sum(-1)
    name = told(units[0], elements)
    if SYSTEM in cond and ((units > 0) != (cond[SYSTEM] > 0)).any():
        other = listed(cond[SYSTEM][0], elements)
        raise InputError(f"conditions formula={name} and chemical_system={other}: not the same elements")
    times = cond[ATOMS] / total if ATOMS in cond else torch.ones_like(total)
    if (times != times.round()).any() or (times < 1).any():
        asked, unit = float(cond[ATOMS][0]), float(total[0])
        raise InputError(f"conditions formula={name} and atoms={asked:g}: not a multiple of its {unit:g} atoms")
    larger = float((times * total).max())
    if larger > most:
        raise InputError(f"condition formula={name}: {larger:g} atoms; this model knows cells of up to {most}")
    return (units * times[:, None]).long()


def known(cond: Mapping[str, Tensor], table: Tensor, weights: Tensor, elements: Sequence[str], rng: Streams) -> Tensor:
    """A composition of the training data for each cell, `(B, K)`, that has what was asked for.

    Arguments:
        cond: `atoms` `(B,)`, `chemical_system` `(B, K)`, both or neither.
        table: Compositions of the training data, `(C, K)`.
        weights: How often each occurs, `(C,)`.
        elements: Of the model.
        rng: One stream for each cell.

    Raises:
        InputError: When no composition has it.
    """
    fits = torch.ones(len(rng), len(table), dtype=torch.bool)
    if ATOMS in cond:
        fits &= table.sum(-1) == cond[ATOMS][:, None]
    if SYSTEM in cond:
        fits &= ((table > 0) == (cond[SYSTEM] > 0)[:, None]).all(-1)
    if not fits.any(-1).all():
        asked = [f"atoms={float(cond[ATOMS][0]):g}"] if ATOMS in cond else []
        asked += [f"chemical_system={listed(cond[SYSTEM][0], elements)}"] if SYSTEM in cond else []
        raise InputError(
            f"condition {', '.join(asked)}: no composition of the training data has that; ask for a formula"
        )
    return table[rng.categorical(weights * fits)]
