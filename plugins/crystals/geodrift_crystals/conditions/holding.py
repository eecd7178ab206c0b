r"""A denoiser within exact conditions: what is known of the data is put into every prediction.

Known elements and chemical systems restrict beliefs; atoms that are images of each other and neutral compositions are
drawn together; lattices and positions that obey a rule are projections of what is expected; known ones are told.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from geodrift.denoiser import Denoise
from geodrift.guidance.fixed import Fixed, Known
from geodrift.guidance.joint import Joint
from geodrift.guidance.projected import Projected
from geodrift.guidance.restricted import Restricted
from geodrift.layout import Ragged
from geodrift.prediction import Belief
from geodrift.rng import Streams
from geodrift.state import State
from geodrift_crystals.conditions.neutral import Together
from geodrift_crystals.conditions.wishes import Wishes
from geodrift_crystals.groups import Orbits, operations
from geodrift_crystals.lattice import Representation


def held(denoise: Denoise, wishes: Wishes, like: State, rng: Streams, lattice: Representation, free: bool) -> Denoise:
    """The denoiser of what is wished.

    Arguments:
        denoise: Any denoiser of crystals.
        wishes: The conditions.
        like: The blank state of `arrangement`.
        rng: One stream for each sample.
        lattice: How lattices are written.
        free: Whether the elements are generated.

    Raises:
        InputError: When the process of a field cannot hold them.
    """
    layout = like.layouts["frac"]
    if not isinstance(layout, Ragged):
        raise TypeError("a batch of crystals is ragged")
    orbits = None if wishes.group is None else Orbits.of(operations(wishes.group), like["frac"], layout)
    units = torch.arange(len(layout.index), device=like.device) if orbits is None else orbits.units
    if free:
        denoise = _species(denoise, wishes, like["species"], layout, units, rng)
    return _geometry(denoise, wishes, like, layout, orbits, lattice)


def _species(denoise: Denoise, wishes: Wishes, species: Tensor, layout: Ragged, units: Tensor, rng: Streams) -> Denoise:
    allowed = _allowed(wishes, species, layout, units)
    if not bool(allowed.all()):
        denoise = Restricted(denoise, {"species": allowed})
    if wishes.formulas is not None or not (wishes.neutral or wishes.group):
        return denoise
    together = Together(wishes.elements, layout, units, wishes.neutral)
    even = torch.log(allowed.double())
    together(Belief(torch.log_softmax(even, -1)), rng.at(0))  # now, rather than in the middle of the work
    return Joint(denoise, "species", together, rng)


def _allowed(wishes: Wishes, species: Tensor, layout: Ragged, units: Tensor) -> Tensor:
    """The elements that each atom may have, `(M, K)`.

    After the sites, one atom or orbit each has one of the elements of a chemical system that the sites lack.
    """
    hot = one_hot(species, len(wishes.elements)).bool()
    if wishes.formulas is not None:
        return hot
    start = units.new_full((layout.count,), len(units)).scatter_reduce(0, layout.index, units, "amin")
    place, sites = units - start[layout.index], int(wishes.given.sum())
    missing, system = wishes.missing.to(species.device), wishes.system
    members = torch.ones_like(missing) if system is None else system.to(species.device)
    turn = missing & (missing.cumsum(-1) - 1 == (place - sites)[:, None])
    left = torch.where(turn.any(-1, keepdim=True), turn, members)
    return torch.where((place < sites)[:, None], hot, left)


def _geometry(
    denoise: Denoise,
    wishes: Wishes,
    like: State,
    layout: Ragged,
    orbits: Orbits | None,
    lattice: Representation,
) -> Denoise:
    nearest: dict[str, Callable[[Tensor], Tensor]] = {}
    known: dict[str, Known] = {}
    kept = wishes.kept
    if wishes.cell is not None:
        known["lattice"] = Known(like["lattice"], torch.ones_like(like["lattice"], dtype=torch.bool))
    elif kept is not None:
        nearest["lattice"] = partial(lattice.invariant, atoms=layout.lengths, kept=kept)
    if orbits is not None:
        nearest["frac"], known["frac"] = orbits, Known(like["frac"], orbits.fixed)
    elif wishes.sites is not None:
        first = torch.as_tensor(layout.places(), device=like.device) < len(wishes.sites.classes)
        known["frac"] = Known(like["frac"], first[:, None].expand_as(like["frac"]))
    denoise = Projected(denoise, nearest) if nearest else denoise
    return Fixed(denoise, known) if known else denoise
