"""What exact conditions ask of every cell of a run, and whether they agree with each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from geodrift.errors import InputError
from geodrift_crystals.conditions import cell, family, sites
from geodrift_crystals.conditions.cell import LATTICE
from geodrift_crystals.conditions.composition import ATOMS, FORMULA, SYSTEM, listed, told
from geodrift_crystals.conditions.family import FAMILY
from geodrift_crystals.conditions.neutral import NEUTRAL, named, neutral
from geodrift_crystals.conditions.sites import SITES, Sites
from geodrift_crystals.conditions.space_group import GROUP
from geodrift_crystals.groups import family as family_of
from geodrift_crystals.groups import operations, symbol
from geodrift_crystals.lattice import Invariant

_SAME = 1e-4  # how far the metric of a given lattice may be from that of a family, as a share


@dataclass(frozen=True, kw_only=True, eq=False)
class Wishes:
    """Exact conditions of one run; None where nothing is asked.

    Arguments:
        elements: That the model knows.
        atoms: In a cell.
        formulas: Atoms of each element, `(K,)`, in a cell or a part of it, of each sample, `(B, K)`.
        system: Elements that a cell has, `(K,)` bool.
        neutral: Whether compositions have no charge.
        family: The crystal family of the lattice.
        group: The number of the space group.
        cell: Lengths and angles of the lattice, `(6,)`.
        sites: Atoms that are given.
    """

    elements: tuple[str, ...]
    atoms: float | None = None
    formulas: Tensor | None = None
    system: Tensor | None = None
    neutral: bool = False
    family: str | None = None
    group: int | None = None
    cell: Tensor | None = None
    sites: Sites | None = None

    @classmethod
    def of(cls, cond: Mapping[str, Tensor], elements: tuple[str, ...]) -> Wishes:
        """What conditions `(B, ...)` ask for; formulas may differ, the others are those of all samples.

        Raises:
            InputError: When they exclude each other, or differ.
        """
        for name, value in cond.items():
            if name != FORMULA and not bool((value == value[:1]).all()):
                raise InputError(f"condition {name}: one value for all samples of a run; ask for the others apart")
        one = {name: value[0].cpu() for name, value in cond.items()}
        found = cls(
            elements=elements,
            atoms=float(one[ATOMS]) if ATOMS in one else None,
            formulas=cond[FORMULA].cpu().long() if FORMULA in cond else None,
            system=one[SYSTEM] > 0 if SYSTEM in one else None,
            neutral=NEUTRAL in one,
            family=family.told(one[FAMILY]) if FAMILY in one else None,
            group=int(one[GROUP]) if GROUP in one else None,
            cell=one.get(LATTICE),
            sites=sites.told(one[SITES]) if SITES in one else None,
        )
        found._check_elements()
        found._check_lattice()
        return found

    @property
    def kept(self) -> Invariant | None:
        """The lattices that the space group or the family leaves."""
        if self.group is not None:
            return Invariant(torch.from_numpy(operations(self.group).rotations))
        return None if self.family is None else Invariant.of(self.family)

    @property
    def given(self) -> Tensor:
        """The numbers of atoms of each element that are given, `(K,)`."""
        count = len(self.elements)
        return torch.zeros(count, dtype=torch.int64) if self.sites is None else self.sites.amounts(count)

    @property
    def missing(self) -> Tensor:
        """The elements of the chemical system that are not among the atoms that are given, `(K,)`."""
        return torch.zeros(len(self.elements), dtype=torch.bool) if self.system is None else self.system & ~self.has

    @property
    def has(self) -> Tensor:
        """The elements of the atoms that are given, `(K,)`."""
        return self.given > 0

    @property
    def least(self) -> int:
        """The number of atoms, or of orbits of atoms, that there are at least."""
        return max(int(self.given.sum()) + int(self.missing.sum()), 1)

    def _check_elements(self) -> None:
        if self.system is not None and (self.has & ~self.system).any():
            other, strange = listed(self.system, self.elements), listed(self.has & ~self.system, self.elements)
            raise InputError(f"conditions sites and chemical_system={other}: the sites have {strange} too")
        if self.formulas is not None:
            for formula in torch.unique(self.formulas, dim=0):
                self._check_formula(formula)

    def _check_formula(self, formula: Tensor) -> None:
        name = told(formula, self.elements)
        if self.system is not None and ((formula > 0) != self.system).any():
            other = listed(self.system, self.elements)
            raise InputError(f"conditions formula={name} and chemical_system={other}: not the same elements")
        if self.neutral and not neutral(named(formula.tolist(), self.elements)):
            raise InputError(f"conditions formula={name} and neutral=true: its charges cannot cancel")

    def _check_lattice(self) -> None:
        if self.group is not None and self.sites is not None:
            name = symbol(self.group)
            raise InputError(f"conditions sites and space_group={name}: sites need not obey it; ask for one of them")
        if self.group is not None and self.family is not None and self.family not in _families(self.group):
            name, own = symbol(self.group), family_of(self.group)
            raise InputError(f"conditions crystal_family={self.family} and space_group={name}: {name} is {own}")
        kept = self.kept
        if self.cell is None or kept is None or kept.keeps(cell.matrix(self.cell), _SAME):
            return
        asked, form = f"lattice={cell.told(self.cell)}", "in the usual axes"
        if self.group is not None:
            other, form = f"space_group={symbol(self.group)}", "of its primitive cell"
        else:
            other = f"crystal_family={self.family}"
        raise InputError(f"conditions {other} and {asked}: not a lattice {form}")


def _families(group: int) -> tuple[str, ...]:
    own = family_of(group)
    return (own, "rhombohedral") if symbol(group).startswith("R") else (own,)
