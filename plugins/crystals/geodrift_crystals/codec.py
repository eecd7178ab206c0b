r"""Crystals as states and back, with all that generation needs to know about the training data.

A state has the fractional positions of all atoms, `frac` `(M, 3)` in [0, 1), their elements as classes, `species`
`(M,)`, both ragged, and a lattice for each crystal, `lattice` `(B, C)`, in one of the representations of
`geodrift_crystals.lattice`. A data set is padded to its largest crystal; a batch joins its own rows end to end.

The codec is plain numbers, stored in the checkpoint, so that sampling never needs the data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, Self

import numpy as np
import torch
from pydantic import ConfigDict
from pymatgen.core import Lattice, Structure
from torch import Tensor

from geodrift.conditioning import Asked, number
from geodrift.denoiser import Denoise
from geodrift.domain import Compact
from geodrift.errors import InputError
from geodrift.layout import Ragged
from geodrift.registry import Count
from geodrift.rng import Streams
from geodrift.state import State
from geodrift.stored import dumped, loaded
from geodrift_crystals import statistics
from geodrift_crystals.conditions import ASKING, EXACT, arrangement, cells
from geodrift_crystals.conditions.cell import matrix
from geodrift_crystals.conditions.composition import FORMULA, counts
from geodrift_crystals.conditions.holding import held
from geodrift_crystals.conditions.wishes import Wishes
from geodrift_crystals.lattice import Kind, Representation
from geodrift_crystals.lattice.holohedry import matrices
from geodrift_crystals.likeness import formulas
from geodrift_crystals.packing import packed, prepared
from geodrift_crystals.structures import failed, formula, wrapped

Given = Literal["nothing", "composition"]


@dataclass(frozen=True, kw_only=True)
class CrystalCodec:
    """The codec of crystals.

    Arguments:
        elements: The element of each class, by atomic number.
        element_shares: Share of each among the atoms of the training data.
        sizes: Probability of each number of atoms in a cell, from 0 to the largest.
        lattice: How lattices are written.
        niggli: Whether crystals are brought to the Niggli cell of their primitive lattice.
        given: What a model is told rather than generates.
        compositions: How often each formula of a cell occurs, where compositions are given.
        scales: Mean and standard deviation of each condition, in its unit.
    """

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)

    kind: Literal["crystals"] = "crystals"
    elements: tuple[str, ...]
    element_shares: tuple[float, ...]
    sizes: tuple[float, ...]
    lattice: Representation
    niggli: bool = True
    given: Given = "nothing"
    compositions: Mapping[str, int] = field(default_factory=dict)
    scales: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    exact = EXACT

    def __post_init__(self) -> None:
        if len(self.element_shares) != len(self.elements) or len(self.sizes) < 2:
            raise ValueError("a share for each element, and a law of the number of atoms")
        if self.given == "composition" and not self.compositions:
            raise ValueError("compositions that are given must be known")

    @classmethod
    def fit(
        cls,
        crystals: Sequence[Structure],
        lattice: Kind = "polar",
        conditions: Sequence[str] = (),
        niggli: bool = True,
        given: Given = "nothing",
        max_atoms: Count | None = None,
    ) -> Self:
        """The codec of these crystals.

        Arguments:
            crystals: Training crystals; those that cannot be represented are passed over.
            lattice: How lattices are written.
            conditions: Names of properties of the crystals, the columns of their table.
            niggli: Bring crystals to the Niggli cell of their primitive lattice.
            given: What the model is told rather than generates.
            max_atoms: Largest number of atoms, by default that of the largest crystal.
        """
        fitting = prepared(crystals, niggli, None if max_atoms is None else range(1, max_atoms + 1)).results
        if not fitting:
            raise InputError("none of the crystals can be represented; there is nothing to learn from")
        cells = torch.from_numpy(np.stack([crystal.lattice.matrix for crystal in fitting]))
        known = statistics.elements(fitting)
        return cls(
            elements=known,
            element_shares=statistics.shares(fitting, known),
            sizes=statistics.size_law(fitting, max_atoms),
            lattice=Representation.fit(lattice, cells, torch.tensor([len(crystal) for crystal in fitting])),
            niggli=niggli,
            given=given,
            compositions=statistics.compositions(fitting) if given == "composition" else {},
            scales={name: statistics.scale(name, fitting) for name in conditions},
        )

    @property
    def max_atoms(self) -> int:
        """The largest number of atoms in a cell."""
        return len(self.sizes) - 1

    def compact(self, objects: Sequence[Structure]) -> Compact:
        """All crystals that can be represented, with their conditions, as a data set in memory."""
        sifted = prepared(objects, self.niggli, range(1, self.max_atoms + 1), self.elements)
        arrays = packed(sifted.results, self.elements, self.lattice)
        for name in self.scales:
            arrays[name] = torch.from_numpy(statistics.properties(name, sifted.results)).float()
        return Compact(arrays, sifted.kept, sifted.refused)

    def batch(self, arrays: Mapping[str, Tensor], index: Tensor) -> tuple[State, dict[str, Tensor]]:
        """The crystals at these rows, end to end, and their conditions."""
        atoms = arrays["atoms"][index]
        present = torch.arange(arrays["species"].shape[1]) < atoms[:, None]
        real = torch.get_default_dtype()
        fields = {
            "frac": arrays["frac"][index][present].to(real),
            "species": arrays["species"][index][present].long(),
            "lattice": arrays["lattice"][index].to(real),
        }
        return _state(fields, atoms), {name: arrays[name][index].to(real) for name in self.scales}

    def augmented(self, arrays: Mapping[str, Tensor], index: Tensor, rng: Streams) -> tuple[State, dict[str, Tensor]]:
        """The same, each crystal in a random setting of its cell."""
        state, cond = self.batch(arrays, index)
        group = arrays["settings"][index]
        drawn = (rng.uniform(torch.empty(len(index), 1)) * group.shape[1]).long()
        change = matrices()[group.gather(1, drawn)[:, 0].long()].to(state["frac"])
        moved = torch.einsum("mi,mij->mj", state["frac"], state.layouts["frac"].spread(change)) % 1
        return state.replace({"frac": torch.where(moved >= 1, 0.0, moved)}), cond

    def ask(self, name: str, value: Asked) -> Tensor:
        """What a condition asks of one sample, an exact one as its file in `conditions` says.

        Raises:
            InputError: When it does not parse, or asks for what the model does not know.
        """
        return ASKING[name](value, self.elements) if name in ASKING else number(name, value)

    def alike(self, objects: Sequence[Structure]) -> Compact:
        """The formulas of these crystals, as exact conditions; those that the model does not know are refused."""
        return formulas(FORMULA, objects, self.elements, self.niggli, self._learned.sizes)

    def blank(self, rng: Streams, cond: Mapping[str, Tensor]) -> State:
        """The cells to generate, one for each stream, with the values that conditions fix: see `arrangement`.

        Conditions are the same for all samples.

        Raises:
            InputError: When conditions exclude each other, or ask for what the model does not know.
        """
        wishes, own = self._wishes(cond), rng.shared().to("cpu")
        amounts = cells.amounts(wishes, self._learned, own)
        atoms = cells.sizes(wishes, self._learned, own) if amounts is None else amounts.sum(-1)
        if wishes.group is None:
            species, frac = arrangement.anywhere(wishes, atoms, amounts)
        else:
            species, frac = arrangement.symmetric(wishes, wishes.group, atoms, amounts, own)
        like = self.template(atoms).replace({"species": species, "frac": frac})
        if wishes.cell is None:
            return like
        fixed = self.lattice.encode(matrix(wishes.cell).expand(len(atoms), 3, 3), atoms)
        return like.replace({"lattice": fixed.to(like["lattice"])})

    def hold(self, denoise: Denoise, like: State, rng: Streams, cond: Mapping[str, Tensor]) -> Denoise:
        """The denoiser within exact conditions, for a blank state.

        Raises:
            InputError: When its process cannot hold them.
        """
        return held(denoise, self._wishes(cond), like, rng, self.lattice, self.given == "nothing")

    def _wishes(self, cond: Mapping[str, Tensor]) -> Wishes:
        return Wishes.of({name: value for name, value in cond.items() if name in self.exact}, self.elements)

    def template(self, atoms: Tensor) -> State:
        """Cells of these numbers of atoms, `(B,)`, all numbers and classes 0: the shapes to generate."""
        total = int(atoms.sum())
        lattice, species = torch.zeros(len(atoms), self.lattice.size), torch.zeros(total, dtype=torch.int64)
        return _state({"frac": torch.zeros(total, 3), "species": species, "lattice": lattice}, atoms)

    def decode(self, state: State) -> list[Structure]:
        """One crystal for each sample; a sample whose numbers are not finite is marked as failed."""
        layout = state.layouts["species"]
        atoms = layout.sum(torch.ones_like(state["species"])).cpu()
        cells = self.lattice.decode(state["lattice"].cpu().double().nan_to_num(), atoms).numpy()
        finite = torch.isfinite(state["lattice"]).all(-1).cpu().tolist()
        ends = atoms.cumsum(0)[:-1].tolist()
        places = np.split(state["frac"].cpu().double().numpy(), ends)
        classes = np.split(state["species"].cpu().numpy(), ends)
        return [self._crystal(*parts) for parts in zip(cells, finite, places, classes, strict=True)]

    def dump(self) -> dict[str, Any]:
        """The codec as JSON values."""
        return dumped(self)

    @classmethod
    def load(cls, values: Mapping[str, Any]) -> Self:
        """The codec that `dump` wrote.

        Raises:
            InputError: When a value is missing, unknown, of the wrong type or inconsistent.
        """
        return loaded(cls, values, "codec")

    @cached_property
    def _learned(self) -> cells.Learned:
        """What conditions need to know of the training data."""
        if self.given == "nothing":
            return cells.Learned(self.sizes)
        table = torch.stack([counts(name, self.elements).long() for name in self.compositions])
        return cells.Learned(self.sizes, table, torch.tensor(list(self.compositions.values()), dtype=torch.float64))

    def _crystal(self, cell: Any, finite: bool, positions: Any, classes: Any) -> Structure:
        names = [self.elements[place] for place in classes]
        if not finite or not np.isfinite(positions).all():
            return failed(names, f"numbers that are not finite ({formula(names)})")
        return Structure(Lattice(cell), names, wrapped(positions))


def _state(fields: Mapping[str, Tensor], atoms: Tensor) -> State:
    layout = Ragged.of(atoms)
    return State(fields, {"frac": layout, "species": layout})
