"""The declared moves: what they leave alone, and that they are moves of the crystal that is meant."""

import math
from collections.abc import Callable

import pytest
import torch
from pymatgen.core import Structure

from geodrift.domain import Symmetry
from geodrift.rng import Streams
from geodrift.state import State
from geodrift_crystals import domain
from geodrift_crystals.symmetry import PERMUTATION, ROTATION, TRANSLATION

Move = Callable[[State, Streams], State]


@pytest.mark.parametrize("kind", ["polar", "matrix"])
@pytest.mark.parametrize("name", ["order of the atoms", "origin of the cell", "orientation of the lattice"])
def test_a_moved_crystal_is_the_same(crystals: list[Structure], name: str, kind: str) -> None:
    codec = domain.fit(crystals, {"lattice": kind, "niggli": False})
    state, _ = codec.batch(codec.compact(crystals).arrays, torch.arange(len(crystals)))
    moved = domain.symmetries()[name].state(state, Streams.of(3, len(crystals)))
    still = name == "orientation of the lattice" and kind == "polar"
    assert all(z.equal(state[field]) for field, z in moved.items()) == still
    assert all(domain.same(one, other) for one, other in zip(crystals, codec.decode(moved), strict=True))


def test_atoms_stay_in_their_crystals_and_keep_their_elements(crystals: list[Structure]) -> None:
    codec = domain.fit(crystals, {})
    state, _ = codec.batch(codec.compact(crystals).arrays, torch.arange(len(crystals)))
    moved = PERMUTATION.state(state, Streams.of(0, len(crystals)))
    index = state.layouts["frac"].index  # type: ignore[attr-defined]
    rows, found = (torch.cat([z["frac"], z["species"][:, None], index[:, None]], 1) for z in (state, moved))
    assert sorted(rows.tolist()) == sorted(found.tolist())
    assert not rows.equal(found)
    answer = PERMUTATION.output(state, Streams.of(0, len(crystals)))
    assert all(answer[name].equal(moved[name]) for name in state)


def test_a_translation_is_one_vector_for_a_crystal(crystals: list[Structure]) -> None:
    codec = domain.fit(crystals, {})
    state, _ = codec.batch(codec.compact(crystals).arrays, torch.arange(len(crystals)))
    moved = TRANSLATION.state(state, Streams.of(0, len(crystals)))
    assert ((moved["frac"] >= 0) & (moved["frac"] < 1)).all()
    shift = torch.remainder(moved["frac"] - state["frac"] + 0.5, 1)
    first = torch.stack([shift[state.layouts["frac"].index == i][0] for i in range(len(crystals))])  # type: ignore[attr-defined]
    torch.testing.assert_close(shift, state.layouts["frac"].spread(first), rtol=0, atol=1e-5)
    assert first.std(0).min() > 0.1
    assert TRANSLATION.output(state, Streams.of(0, len(crystals))) is state


def test_beliefs_turn_as_the_positions_move(crystals: list[Structure]) -> None:
    codec = domain.fit(crystals, {})
    state, _ = codec.batch(codec.compact(crystals).arrays, torch.arange(len(crystals)))

    def vectors(frac: torch.Tensor) -> torch.Tensor:
        return 3 * torch.stack([(2 * math.pi * frac).cos(), (2 * math.pi * frac).sin()], -1)

    moved, turned = (
        TRANSLATION.state(z, Streams.of(5, len(crystals)))["frac"]
        for z in (state, state.replace({"frac": vectors(state["frac"])}))
    )
    torch.testing.assert_close(turned, vectors(moved), rtol=0, atol=1e-4)


@pytest.mark.parametrize("symmetry", [PERMUTATION, TRANSLATION, ROTATION])
def test_the_same_streams_give_the_same_move(crystals: list[Structure], symmetry: Symmetry) -> None:
    codec = domain.fit(crystals, {"lattice": "matrix"})
    state, _ = codec.batch(codec.compact(crystals).arrays, torch.arange(len(crystals)))
    one, other = (symmetry.state(state, Streams.of(1, len(crystals))) for _ in range(2))
    assert all(one[name].equal(other[name]) for name in state)
