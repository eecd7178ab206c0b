r"""The atoms of the cells to generate, as far as conditions say: a blank state.

Atoms have their elements and positions where these are known; under a space group all have positions, those of an
example that obeys its operations, from which `Orbits` reads which atom is the image of which. The orbits of a cell are
one of all ways to place its composition.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from geodrift.rng import Streams
from geodrift_crystals.conditions.wishes import Wishes
from geodrift_crystals.groups.examples import orbit
from geodrift_crystals.groups.placements import placements

Atoms = tuple[Tensor, Tensor]
"""Classes `(M,)` and positions `(M, 3)` of all atoms, cell by cell; zero where nothing is known."""


def anywhere(wishes: Wishes, atoms: Tensor, amounts: Tensor | None) -> Atoms:
    """Cells of so many atoms, `(B,)`, of these compositions, `(B, K)` or unknown; those that are given come first."""
    kinds = torch.arange(len(wishes.elements))
    first = torch.zeros(0, dtype=torch.int64) if wishes.sites is None else wishes.sites.classes
    free = [kinds[:1].expand(int(n) - len(first)) for n in atoms]
    if amounts is not None:
        free = [kinds.repeat_interleave(left) for left in amounts - wishes.given]
    places = torch.zeros(int(atoms.sum()), 3)
    if wishes.sites is not None:
        start = torch.cumsum(atoms, 0) - atoms
        places[start[:, None] + torch.arange(len(first))] = wishes.sites.frac.to(places)
    return torch.cat([part for rest in free for part in (first, rest)]), places


def symmetric(wishes: Wishes, group: int, atoms: Tensor, amounts: Tensor | None, rng: Streams) -> Atoms:
    """The same on the positions of a space group, orbit by orbit."""
    chance = rng.uniform(torch.zeros(len(atoms))).tolist()
    turn = rng.uniform(torch.zeros(len(atoms), int(atoms.max()))).numpy()
    species, places = [], []
    for cell, size in enumerate(atoms.tolist()):
        row = torch.tensor([size]) if amounts is None else amounts[cell]
        kinds = row.nonzero()[:, 0]
        ways = placements(group, tuple(row[kinds].tolist()), wishes.least if amounts is None else 0)
        chosen = ways.at(min(int(chance[cell] * ways.total), ways.total - 1))
        which = {index: [taken for taken, _ in chosen[:index]].count(place) for index, (place, _) in enumerate(chosen)}
        for index in np.argsort(turn[cell, : len(chosen)], kind="stable").tolist():
            place, kind = chosen[index]
            points = orbit(group, place, which[index])
            species.append(kinds[kind].expand(len(points)))
            places.append(torch.from_numpy(points))
    return torch.cat(species), torch.cat(places).to(torch.get_default_dtype())
