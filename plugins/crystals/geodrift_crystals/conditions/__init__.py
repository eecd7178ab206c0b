"""Conditions that hold in every sample, one file each; `holding` puts them into the sampler."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor

from geodrift.conditioning import Asked, number
from geodrift_crystals.conditions import cell, family, neutral, sites, space_group
from geodrift_crystals.conditions.cell import LATTICE
from geodrift_crystals.conditions.composition import ATOMS, FORMULA, SYSTEM, counts, system
from geodrift_crystals.conditions.family import FAMILY
from geodrift_crystals.conditions.neutral import NEUTRAL
from geodrift_crystals.conditions.sites import SITES
from geodrift_crystals.conditions.space_group import GROUP

ASKING: Mapping[str, Callable[[Asked, Sequence[str]], Tensor]] = {
    ATOMS: lambda value, elements: number(ATOMS, value),
    FORMULA: lambda value, elements: counts(str(value), elements),
    SYSTEM: lambda value, elements: system(str(value), elements),
    NEUTRAL: lambda value, elements: neutral.ask(value),
    FAMILY: lambda value, elements: family.ask(value),
    GROUP: lambda value, elements: space_group.ask(value),
    LATTICE: lambda value, elements: cell.ask(value),
    SITES: sites.ask,
}
"""What is asked of one sample, as a tensor of any shape, of a value and the elements of a model, by condition."""

EXACT = tuple(ASKING)
