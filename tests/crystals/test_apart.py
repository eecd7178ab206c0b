"""Atoms that are predicted on one place are parted, and no others are touched."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from pymatgen.core import Structure
from torch import Tensor

from geodrift.errors import InputError
from geodrift.layout import Ragged
from geodrift.prediction import Located
from geodrift.presets import load
from geodrift.processes import Predictions, Product
from geodrift.rng import Streams
from geodrift.solvers import Renoise, solvers
from geodrift.state import State
from geodrift.testing import assert_batch_invariant
from geodrift.testing.perfect import Perfect
from geodrift_crystals.apart import Apart, second
from geodrift_crystals.spacegroup import symmetry_dataset

LENGTHS = torch.tensor([3, 4, 2])
LAYOUT = Ragged.of(LENGTHS)
FRAC = torch.tensor(
    [
        *([0.1, 0.2, 0.3], [0.6, 0.2, 0.3], [0.1, 0.2, 0.3]),
        *([0.999, 0.5, 0.5], [0.3, 0.3, 0.3], [0.001, 0.5, 0.5], [0.3, 0.3, 0.35]),
        *([0.1, 0.2, 0.3], [0.9, 0.9, 0.9]),
    ]
)
TWICE = torch.tensor([False, False, True, False, False, True, False, False, False])


def vectors(frac: Tensor) -> Tensor:
    angle = 2 * math.pi * frac
    return torch.stack((angle.cos(), angle.sin()), -1)


def test_the_second_of_two_on_a_place_is_found() -> None:
    """Through the face of a cell too, in the same crystal alone, and not where atoms are only near."""
    assert torch.equal(second(0.95 * vectors(FRAC), LAYOUT, 0.02, 0.9), TWICE)


@pytest.mark.parametrize("doubtful", [0, 2])
def test_atoms_that_are_not_sure_of_a_place_are_not(doubtful: int) -> None:
    length = torch.full((9, 3, 1), 0.95)
    length[doubtful, 1] = 0.8
    found = second(length * vectors(FRAC), LAYOUT, 0.02, 0.9)
    assert not found[:3].any()
    assert torch.equal(found[3:], TWICE[3:])


def crystals(index: Tensor) -> tuple[Product, State]:
    """Some of these crystals; the network of the preset is not asked."""
    process = load("crystals/mp20").denoiser.process
    assert isinstance(process, Product)
    process = Product({"frac": process.parts["frac"]})
    rows = torch.cat([(LAYOUT.index == i).nonzero()[:, 0] for i in index.tolist()])
    layout = Ragged.of(LENGTHS[index])
    return process, State({"frac": FRAC[rows]}, {"frac": layout})


def moved(index: Tensor, solver: Any, at: float = 0.5) -> State:
    process, x = crystals(index)
    rng = Streams.of(3, index)
    z = process.corrupt(x, torch.tensor(at), rng).z
    state: State
    state, _ = solver.step(Perfect(process, x), z, torch.tensor(at), torch.tensor(at / 10), None, rng)
    return state


def stayed(z: State) -> Tensor:
    """Which atoms are where they were predicted."""
    found = torch.atan2(z["frac"][..., 1], z["frac"][..., 0]) / (2 * math.pi)
    gap = (found - FRAC + 0.5).remainder(1) - 0.5
    return (gap.abs() < 0.05).all(-1)


def test_they_are_thrown_and_the_others_are_not() -> None:
    """Near the data, where noise no longer hides what is predicted."""
    assert torch.equal(stayed(moved(torch.arange(3), Apart(Renoise()))), ~TWICE)


class Told:
    """A law on eight points, all of them the right one, as the head `bins` could answer."""

    def __init__(self, process: Product) -> None:
        self.process = process

    def __call__(self, z: State, t: Any, cond: Any = None) -> Predictions:
        points = vectors(FRAC)[..., None, :].expand(-1, -1, 8, -1)
        return Predictions({"frac": Located(torch.full(points.shape[:-1], -math.log(8)), points)})


def test_so_are_those_that_a_law_tells() -> None:
    process, x = crystals(torch.arange(3))
    rng, t, s = Streams.of(3, 3), torch.tensor(0.5), torch.tensor(0.05)
    state, _ = Apart().step(Told(process), process.corrupt(x, t, rng).z, t, s, None, rng)
    assert torch.equal(stayed(state), ~TWICE)


def test_late_ones_are_left() -> None:
    late = Apart(Renoise(), until=0.6)
    assert torch.equal(moved(torch.arange(3), late)["frac"], moved(torch.arange(3), Renoise())["frac"])


def test_a_sample_depends_on_its_seed_and_index_alone() -> None:
    assert_batch_invariant(lambda index: moved(index, Apart(Renoise())), 3)


@pytest.mark.parametrize("name", ["graphs/qm9", "mri3d/ixi-4mm"])
def test_only_crystals_are_parted(name: str) -> None:
    with pytest.raises(InputError, match="parts the atoms of a bayesian-flow"):
        Apart(Renoise()).admit(load(name).denoiser.process, torch.tensor([1.0, 0.0]))


def test_its_solver_is_asked_too() -> None:
    process, _ = crystals(torch.arange(3))
    with pytest.raises(InputError, match="no field"):
        solvers.build({"kind": "apart", "of": {"kind": "renoise", "kept": {"x": 0.5}}}).admit(process, torch.ones(2))


def test_what_is_asked_for_holds() -> None:
    """The last prediction is within the conditions, though atoms were thrown on the way."""
    model = load("crystals/mp20")
    asked = {"formula": "Ti2O4", "space_group": "P4_2/mnm"}

    def drawn(solver: Any) -> list[Structure]:
        rough = model.config.sample.model_copy(update={"solver": solver, "steps": 10})
        return [thing for chunk in model.stream(range(8), settings=rough, conditions=asked) for thing in chunk.objects]

    found = drawn({"kind": "apart", "of": "renoise", "near": 0.2, "sure": 0.5})
    assert sum(one == other for one, other in zip(found, drawn("renoise"), strict=True)) < 8
    for crystal in found:
        assert crystal.composition.formula == "Ti2 O4"
        assert len(symmetry_dataset(crystal, 0.01, 5.0).rotations) % 16 == 0  # the group, or one above it
