"""Data that are predicted and noised again: exact where they are drawn, biased to likely values where they are told."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from geodrift.errors import InputError
from geodrift.layout import Dense, Padded
from geodrift.prediction import Estimate
from geodrift.processes import Affine, Bayesian, Geodesic, Jump, Predictions, Product, Wrapped
from geodrift.processes.accuracy import Entropy
from geodrift.processes.families import Categorical
from geodrift.processes.periodic import Periodic, polar
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.schedules import EDM, Rectified
from geodrift.solvers import Renoise, solvers
from geodrift.spaces import Torus
from geodrift.state import State
from geodrift.testing import Averaged, Counted, Exact, Points, assert_batch_invariant, chi_square
from geodrift.testing.perfect import Perfect
from geodrift.von_mises import wrap

TURN = 2 * math.pi
ATOMS, WEIGHTS = torch.tensor([-2.0, 0.3, 1.9]).double().remainder(TURN), torch.tensor([0.2, 0.5, 0.3]).double()
FIELDS = ("a", "b")
EXACT = Exact(Bayesian(Periodic(TURN), Entropy()), Points(ATOMS[:, None], WEIGHTS))


class Angle(Averaged):
    """The direction of the mean alone, as published networks tell it."""

    def __call__(self, z: Tensor, t: Tensor, cond: Any = None) -> Estimate:
        return Estimate(polar(super().__call__(z, t).x)[0], torch.zeros_like(z))


def shares(denoise: Any, steps: int, n: int = 20_000) -> Tensor:
    x = sample(denoise, torch.zeros(n, 1), Renoise(), Streams.of(0, n), steps=steps)
    return torch.bincount(wrap(x - ATOMS).abs().argmin(-1), minlength=3) / n


@pytest.mark.parametrize("steps", [2, 10, 50])
def test_points_that_are_drawn_have_their_law(steps: int) -> None:
    assert chi_square(20_000 * shares(EXACT, steps), WEIGHTS) < 3


@pytest.mark.parametrize("kind", [Jump.masked(3), Jump.uniform(3), Bayesian(Categorical(3), Entropy())], ids=repr)
def test_so_have_classes(kind: Any) -> None:
    n = 20_000
    law = Points(torch.arange(3)[:, None], WEIGHTS)
    x = sample(Exact(kind, law), torch.zeros(n, 1, dtype=torch.int64), Renoise(), Streams.of(0, n), steps=5)
    assert chi_square(torch.bincount(x[:, 0], minlength=3).double(), WEIGHTS) < 3


def test_an_angle_that_is_told_is_biased_as_published() -> None:
    """Against figures of another implementation for atoms of these weights, in ten steps."""
    for denoise in (Averaged(EXACT), Angle(EXACT)):
        found = shares(denoise, 10)
        torch.testing.assert_close(found, torch.tensor([0.057, 0.686, 0.257]).double(), atol=0.01, rtol=0)


def state() -> tuple[Product, State]:
    """Fields of every kind that may be noised again."""
    layout = Padded.of(torch.tensor([3, 1, 2, 2, 3]))
    generator = torch.Generator().manual_seed(0)
    numbers = {name: torch.rand(5, 3, generator=generator) for name in ("a", "b", "c", "d")}
    x = State({**numbers, "k": torch.ones(5, 3, dtype=torch.int64)}, dict.fromkeys((*numbers, "k"), layout)).masked()
    moves = {
        "a": Affine(Rectified()),
        "b": Geodesic(Torus()),
        "c": Wrapped(EDM(1.0)),
        "d": Bayesian(Periodic(), Entropy()),
    }
    return Product({**moves, "k": Jump.masked(2)}), x


def test_known_data_return_with_one_call_a_step() -> None:
    process, x = state()
    counted = Counted(Perfect(process, x))
    found = sample(counted, x, solvers.build("renoise"), Streams.of(0, 5), steps=4)
    assert counted.calls == 4
    for name in ("a", "b", "d"):  # that of the third is the mean over all images
        gap = Torus().log(x[name], found[name])
        torch.testing.assert_close(x.layouts[name].mask(gap), torch.zeros(5, 3), atol=1e-3, rtol=0)
    assert torch.equal(found["k"], x["k"])


def test_a_sample_depends_on_its_seed_and_index_alone() -> None:
    process, x = state()

    def drawn(index: Tensor) -> State:
        part = State({k: v[index] for k, v in x.items()}, {k: Padded(v.present[index]) for k, v in x.layouts.items()})  # type: ignore[attr-defined]
        made: State = sample(Perfect(process, part), part, Renoise(), Streams.of(2, index), steps=3)
        return made

    assert_batch_invariant(drawn, 5)


class Angles:
    """Two angles that have nothing to do with each other, told by their mean vectors."""

    def __init__(self) -> None:
        self.own = Averaged(EXACT)
        self.process = Product(dict.fromkeys(FIELDS, EXACT.process))

    def __call__(self, z: State, t: Tensor, cond: Any = None) -> Predictions:
        times = self.process.times(t, z)
        return Predictions({name: self.own(z[name], times[name]) for name in z})


@pytest.mark.parametrize(("since", "exact"), [(1.0, True), (0.01, False)])
def test_a_field_that_keeps_its_state_has_its_law(since: float, exact: bool) -> None:
    """From the start on, not from where nearly all is decided; the other is biased, as it is alone."""
    n, solver = 20_000, solvers.build({"kind": "renoise", "kept": {"a": since}})
    like = State(dict.fromkeys(FIELDS, torch.zeros(n, 1)), dict.fromkeys(FIELDS, Dense()))
    found = sample(Angles(), like, solver, Streams.of(0, n), steps=50)
    kept, other = (torch.bincount(wrap(found[name] - ATOMS).abs().argmin(-1), minlength=3) / n for name in FIELDS)
    assert (float((kept - WEIGHTS).abs().max()) < 0.015) is exact
    assert float((other - WEIGHTS).abs().max()) > 0.1


def test_only_fields_that_exist_keep_their_state() -> None:
    process, _ = state()
    for kind, name in ((process, "e"), (process.parts["a"], "")):
        with pytest.raises(InputError, match="no field of"):
            Renoise({name: 0.5}).admit(kind, torch.tensor([1.0, 0.0]))
