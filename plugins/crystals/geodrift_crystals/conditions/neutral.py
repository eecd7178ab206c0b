r"""Compositions without charge, `neutral=true`: those that SMACT's rule accepts.

The rule is that of `geodrift_crystals.metrics.charges`, so that what is generated counts as neutral there: one
oxidation state for each element, no charge in all, anions more electronegative than cations; a single element and
mixtures of metals are neutral. It is about whole compositions: sums of charges over atoms, which dynamic programming
adds up, would let two atoms of an element differ, as in Fe₃O₄, and count a composition as often as it has assignments.
Classes of all atoms are drawn from the belief until the rule accepts them, which is the exact law
:math:`p(\text{species} \mid \text{neutral})` and takes one to three draws, as a half to nine tenths of all
compositions are neutral. A belief that leaves the rule next to no chance is softened,
:math:`p^{1/\tau}`, until it does.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from pymatgen.core import Composition
from torch import Tensor

from geodrift.conditioning import Asked
from geodrift.errors import InputError
from geodrift.layout import Ragged
from geodrift.prediction import Belief
from geodrift.rng import Streams
from geodrift_crystals.metrics.charges import plausible

NEUTRAL = "neutral"
_TRUE = ("true", "yes", "1", "1.0")
_EXACT = 256  # draws before a belief is softened
_SOFTER = 32  # draws at each temperature from then on, of two, four, …
_ROUNDS = 12 * _SOFTER


def ask(value: Asked) -> Tensor:
    """One, for true.

    Raises:
        InputError: For anything else.
    """
    if str(value).strip().lower() not in _TRUE:
        raise InputError(f"condition neutral={value}: write neutral=true, or leave it out")
    return torch.ones(())


@lru_cache(maxsize=1 << 16)
def neutral(counts: tuple[tuple[str, int], ...]) -> bool:
    """Whether the rule accepts these numbers of atoms of elements."""
    return plausible(Composition.from_dict(dict(counts)))


class Together:
    """The law of the species of cells whose atoms are not independent.

    Arguments:
        elements: The element of each class.
        layout: Of the atoms.
        units: The number of the group of atoms with one element that each atom belongs to, `(M,)`, ascending.
        rule: Whether the cells are to be neutral.
    """

    def __init__(self, elements: tuple[str, ...], layout: Ragged, units: Tensor, rule: bool) -> None:
        self.elements, self.layout, self.units, self.rule = elements, layout, units, rule
        self.cells = torch.zeros(int(units.max()) + 1, dtype=torch.int64, device=units.device)
        self.cells[units] = layout.index

    def __call__(self, belief: Belief, rng: Streams) -> Tensor:
        """Classes of all atoms, `(M,)`, drawn from beliefs `(M, K)`.

        Raises:
            InputError: When no draw is neutral.
        """
        classes = belief.log_probs.shape[-1]
        shared = belief.log_probs.new_zeros(len(self.cells), classes).index_add(0, self.units, belief.log_probs)
        streams = rng.on(Ragged(self.cells, self.layout.count))
        drawn = streams.categorical(torch.softmax(shared, -1))
        waiting = self._charged(drawn[self.units], range(self.layout.count))
        for number in range(_ROUNDS):
            if not waiting:
                return drawn[self.units]
            softness = 2.0 ** max(0, (number - _EXACT) // _SOFTER + 1)
            again = streams.categorical(torch.softmax(shared / softness, -1))
            open_ = torch.zeros(self.layout.count, dtype=torch.bool, device=drawn.device)
            open_[waiting] = True
            drawn = torch.where(open_[self.cells], again, drawn)
            waiting = self._charged(drawn[self.units], waiting)
        size = int(self.layout.lengths[waiting[0]])
        raise InputError(f"condition neutral=true: no neutral composition of {size} atoms was found; ask for less")

    def _charged(self, species: Tensor, cells: range | list[int]) -> list[int]:
        """Which of these cells the rule does not accept."""
        if not self.rule:
            return []
        one = torch.nn.functional.one_hot(species, len(self.elements))
        amounts = one.new_zeros(self.layout.count, len(self.elements)).index_add(0, self.layout.index, one)
        return [cell for cell in cells if not neutral(named(amounts[cell].tolist(), self.elements))]


def named(amounts: list[int], elements: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    """The elements that there are, with their numbers of atoms."""
    return tuple((name, count) for name, count in zip(elements, amounts, strict=True) if count)
