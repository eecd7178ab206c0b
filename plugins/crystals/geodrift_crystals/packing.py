r"""Crystals as padded tensors, and the ones that cannot be."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import torch
from joblib import Parallel, delayed
from pymatgen.core import Structure
from torch import Tensor

from geodrift.domain import Refusal
from geodrift.errors import InputError
from geodrift_crystals.lattice import Representation
from geodrift_crystals.lattice.holohedry import settings
from geodrift_crystals.sizes import ranges
from geodrift_crystals.structures import (
    FAILED,
    Unrepresentable,
    adopted,
    distinct,
    formula,
    niggli,
    plain,
    right_handed,
    symbols,
)

MANY = 5000
"""Crystals from which on several processes reduce their cells: below, starting these takes longer than they save."""

_BLOCK = 64


@dataclass(frozen=True)
class Sifted:
    """What became of each of a list of crystals.

    Arguments:
        results: Those that can be represented, in the cell that is learned.
        kept: Their positions in the list.
        refused: The others.
    """

    results: list[Structure]
    kept: list[int]
    refused: list[Refusal]


def prepared(
    things: Sequence[Any], reduce: bool, sizes: Collection[int] | None = None, known: Collection[str] | None = None
) -> Sifted:
    """The crystals in the cell that is learned.

    Arguments:
        things: pymatgen's structures or ASE's atoms.
        reduce: To the Niggli cell of the primitive lattice.
        sizes: Numbers of atoms that there may be, ascending; all if none are given.
        known: Elements that there may be; all if none are given.
    """
    act = niggli if reduce else right_handed
    blocks = [things[start : start + _BLOCK] for start in range(0, len(things), _BLOCK)]
    parallel = Parallel(n_jobs=-1 if reduce and len(things) >= MANY else 1)
    found = list(chain.from_iterable(parallel(delayed(_moved)(block, act) for block in blocks)))
    reasons = [result if isinstance(result, str) else _excess(result, sizes, known) for result in found]
    kept = [place for place, reason in enumerate(reasons) if not reason]
    refused = [Refusal(place, _name(things[place]), reason) for place, reason in enumerate(reasons) if reason]
    return Sifted([result for place in kept if isinstance(result := found[place], Structure)], kept, refused)


def packed(crystals: Sequence[Structure], elements: Sequence[str], lattice: Representation) -> dict[str, Tensor]:
    """Positions `(n, N, 3)`, element classes `(n, N)`, numbers of atoms `(n,)`, lattices `(n, C)`,
    and settings `(n, 48)`."""
    if not crystals:
        raise InputError("none of the crystals can be represented")
    place = {name: index for index, name in enumerate(elements)}
    atoms = torch.tensor([len(crystal) for crystal in crystals])
    present = torch.arange(int(atoms.max())) < atoms[:, None]
    frac, species = torch.zeros(*present.shape, 3), torch.zeros(present.shape, dtype=torch.int8)
    frac[present] = _below_one(np.concatenate([crystal.frac_coords for crystal in crystals]))
    species[present] = torch.tensor([place[name] for crystal in crystals for name in symbols(crystal)]).to(torch.int8)
    cells = torch.from_numpy(np.stack([crystal.lattice.matrix for crystal in crystals]))
    numbers = lattice.encode(cells, atoms).float()
    return {"frac": frac, "species": species, "atoms": atoms, "lattice": numbers, "settings": settings(cells)}


def _below_one(positions: Any) -> Tensor:
    """Positions in single precision, in which the nearest number to one below it may be one."""
    rounded = torch.from_numpy(positions).float()
    return torch.where(rounded >= 1, 0.0, rounded)


def _moved(things: Sequence[Any], act: Callable[[Structure], Structure]) -> list[Structure | str]:
    return [_attempt(thing, act) for thing in things]


def _attempt(thing: Any, act: Callable[[Structure], Structure]) -> Structure | str:
    try:
        structure = adopted(thing)
        if FAILED in structure.properties:
            return f"not a crystal: {structure.properties[FAILED]}"
        return act(distinct(plain(structure)))
    except Unrepresentable as error:
        return str(error)


def _excess(crystal: Structure, sizes: Collection[int] | None, known: Collection[str] | None) -> str:
    """Why a crystal is outside of what a model knows, or nothing."""
    if sizes is not None and len(crystal) not in sizes:
        return f"{len(crystal)} atoms, not {ranges(sizes)}"
    strange = [] if known is None else [name for name in symbols(crystal) if name not in known]
    return f"element {strange[0]} is not in the training data" if strange else ""


def _name(thing: Any) -> str:
    if not isinstance(thing, Structure):
        return type(thing).__name__
    return str(thing.properties.get("material_id") or (formula(symbols(thing)) if thing.is_ordered else thing.formula))
