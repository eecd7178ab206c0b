r"""The atoms of the cells to generate, as far as conditions say: a blank state.

Atoms have their elements and positions where these are known; under a space group all have positions, those of an
example that obeys its operations, from which `Orbits` reads which atom is the image of which. The orbits of a cell are
one of all ways to place its composition, and if possible one that leaves the atoms room.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from geodrift.rng import Streams
from geodrift_crystals.conditions.balance import balanced, multiplicities, tried
from geodrift_crystals.conditions.wishes import Wishes
from geodrift_crystals.groups.examples import orbit
from geodrift_crystals.groups.operations import Floats
from geodrift_crystals.groups.placements import Placement, Placements, placements
from geodrift_crystals.groups.room import room

_GOLDEN = (5**0.5 - 1) / 2
_TURNS = 16
_LEAST = 0.45

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
        way, order = _chosen(wishes, ways, chance[cell], turn[cell], amounts is None)
        which = [[taken for taken, _ in way[:index]].count(place) for index, (place, _) in enumerate(way)]
        for index in order:
            place, kind = way[index]
            points = orbit(group, place, which[index])
            species.append(kinds[kind].expand(len(points)))
            places.append(torch.from_numpy(points))
    return torch.cat(species), torch.cat(places).to(torch.get_default_dtype())


def _chosen(wishes: Wishes, ways: Placements, chance: float, turn: Floats, free: bool) -> tuple[Placement, list[int]]:
    """A way to place the atoms, if possible one that leaves them room, and the order of its orbits.

    Where elements of a chemical system are to be neutral, it can be, and the first orbits can have one of them each.
    """
    if not free or not wishes.neutral or wishes.system is None:
        ranks = _ranks(ways.total, chance)
        way = next((way for way in map(ways.at, ranks) if _roomy(ways.number, way)), ways.at(ranks[0]))
        return way, np.argsort(turn[: len(way)], kind="stable").tolist()
    names = tuple(wishes.elements[k] for k in wishes.system.nonzero()[:, 0].tolist())
    for way in sorted(tried(ways, chance), key=lambda way: not _roomy(ways.number, way)):
        order = np.argsort(turn[: len(way)], kind="stable")
        sizes = np.array(multiplicities(ways.number, way))[order]
        for kinds in balanced(names, (0,) * len(names), tuple(sizes.tolist())):
            first = [kinds.index(k) for k in range(len(names))]
            return way, order[[*first, *(i for i in range(len(way)) if i not in first)]].tolist()
    raise AssertionError(f"no neutral cell of {ways.counts} atoms, which sizes were to leave out")


def _ranks(total: int, chance: float) -> list[int]:
    """Ranks of ways, from one that is chosen evenly on."""
    shares = [(chance + turn * _GOLDEN) % 1 for turn in range(_TURNS)]
    return [min(int(share * total), total - 1) for share in shares]


def _roomy(number: int, way: Placement) -> bool:
    return room(number, tuple(place for place, _ in way)) > _LEAST
