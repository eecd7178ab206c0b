r"""The symmetries of crystals: the order of atoms, the origin of the cell, the orientation of its lattice.

A translation moves all positions of a crystal alike, :math:`f \mapsto f + s \bmod 1`; a belief about an angle
:math:`2\pi f`, a vector :math:`(x, y)` for each coordinate, turns with it. What a network answers about positions is
relative to them, a displacement or a velocity, and stays. A lattice in the polar chart or as lengths and angles has no
orientation; nine entries turn with it, as do those that a network answers, once or several times.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from geodrift.domain import Symmetry
from geodrift.layout import Ragged
from geodrift.rng import Streams
from geodrift.state import State
from geodrift_crystals.lattice import Matrix

ATOMS = ("frac", "species")  # the fields that have an entry for each atom


def permuted(state: State, rng: Streams) -> State:
    """The crystals with their atoms in another order, one for each stream."""
    layout = state.layouts["frac"]
    if not isinstance(layout, Ragged):
        raise TypeError("a batch of crystals is ragged")
    order = (layout.index + rng.on(layout).uniform(layout.index)).argsort()
    return state.replace({name: state[name][order] for name in ATOMS if name in state})


def translated(state: State, rng: Streams) -> State:
    """The crystals moved in their cells, each by its own vector."""
    frac, layout = state["frac"], state.layouts["frac"]
    shift = layout.spread(rng.uniform(torch.zeros(len(rng), 3, device=frac.device))).to(frac)
    moved = torch.remainder(frac + shift, 1) if frac.ndim == 2 else _turned(frac, 2 * math.pi * shift)
    return state.replace({"frac": moved})


def rotated(state: State, rng: Streams) -> State:
    """The crystals in other orientations, rotated and reflected, each by its own matrix."""
    lattice = state["lattice"]
    if lattice.shape[-1] % Matrix.size:
        return state
    drawn = rng.normal(torch.zeros(len(rng), 3, 3, dtype=lattice.dtype, device=lattice.device))
    turn, _ = torch.linalg.qr(drawn)
    return state.replace({"lattice": (lattice.reshape(len(lattice), -1, 3, 3) @ turn[:, None]).flatten(1)})


def unmoved(state: State, rng: Streams) -> State:
    """The answers of a network that are relative to what was moved."""
    return state


def _turned(vectors: Tensor, angle: Tensor) -> Tensor:
    """Vectors `(M, 3, 2)` of the plane turned by angles `(M, 3)`."""
    (x, y), cos, sin = vectors.unbind(-1), angle.cos(), angle.sin()
    return torch.stack([cos * x - sin * y, sin * x + cos * y], -1)


PERMUTATION = Symmetry(permuted, permuted)
TRANSLATION = Symmetry(translated, unmoved)
ROTATION = Symmetry(rotated, rotated)
