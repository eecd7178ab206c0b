"""Denoisers within conditions: what is known stays, rules hold, classes go together, whatever process and solver."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import pytest
import torch
from torch import Tensor

from geodrift.denoiser import Denoise
from geodrift.embeddings import OneHot
from geodrift.errors import InputError
from geodrift.guidance.fixed import Fixed, Known
from geodrift.guidance.joint import Joint
from geodrift.guidance.projected import Projected
from geodrift.layout import Ragged
from geodrift.prediction import Belief
from geodrift.processes import (
    Given,
    Predictions,
    Process,
    Product,
)
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.solvers import solvers
from geodrift.solvers.grids import Uniform
from geodrift.state import State
from geodrift.testing.paths import ALL, CLASS, CLASSES, PERIODIC, REAL, STEPS, apart, data
from geodrift.testing.perfect import Perfect

SOLVERS = ("ancestral", "ctmc", "renoise", "heun", "dpm++-2m", "euler-maruyama", "predictor-corrector")
LAYOUT = Ragged.of(torch.tensor([3, 5, 4]))


def _moves(solver: str, part: Process) -> bool:
    try:
        solvers.build(solver).admit(Product({"x": part}), Uniform()(STEPS, part))
    except InputError:
        return False
    return True


RUNS = [(name, solver) for name, part in ALL.items() for solver in SOLVERS if _moves(solver, part)]


def run(name: str, wrap: Callable[[Denoise], Denoise], solver: str, seed: int, loose: type[Loose]) -> Tensor:
    """A sample of the field within a wrapper."""
    process = Product({name: ALL[name]})
    like = State({name: data(name)}, {name: LAYOUT})
    found: State = sample(wrap(loose(process)), like, solvers.build(solver), Streams.of(seed, 3), steps=STEPS)
    return found[name]


class Loose:
    """Answers numbers that depend on nothing."""

    def __init__(self, process: Product) -> None:
        self.process = process

    def __call__(self, z: State, t: Tensor, cond: object = None) -> Predictions:
        other = State({name: data(name, 9) for name in self.process.parts}, z.layouts)
        found: Predictions = Perfect(self.process, other)(z, t)
        return found


class Unsure(Loose):
    """Knows nothing about classes."""

    def __call__(self, z: State, t: Tensor, cond: object = None) -> Predictions:
        raw = {name: torch.zeros(12, CLASSES) for name in self.process.parts}
        found: Predictions = self.process.resolve(State(raw, z.layouts), z, t)
        return found


def runs(*tables: Mapping[str, Process]) -> list[tuple[str, str]]:
    return [(name, solver) for name, solver in RUNS if any(name in table for table in tables)]


def test_most_pairs_are_tested() -> None:
    assert {name for name, _ in RUNS} == set(ALL)
    assert {solver for _, solver in RUNS} == set(SOLVERS)


@pytest.mark.parametrize(("name", "solver"), RUNS)
def test_no_sample_forgets_what_it_was_told(name: str, solver: str) -> None:
    x = data(name)
    entries = (torch.arange(12) % 3 != 1).reshape(-1, *[1] * (x.ndim - 1)).expand_as(x)
    found = run(name, partial(Fixed, known={name: Known(x, entries)}), solver, 1, Loose)
    assert apart(name, found[entries], x[entries]) < 1e-5
    assert apart(name, found[~entries], x[~entries]) > 0.01


@pytest.mark.parametrize(("name", "solver"), runs(REAL, PERIODIC))
def test_no_sample_breaks_a_rule(name: str, solver: str) -> None:
    rule = {name: lambda x: 0.5 * x.mean(-1, keepdim=True).expand_as(x)}
    found = run(name, partial(Projected, nearest=rule), solver, 2, Loose)
    assert apart(name, found, found[:, :1].expand(-1, 3)) < 1e-5


def even(belief: Belief, rng: Streams) -> Tensor:
    """Classes of which all in a sample are one."""
    whole = torch.zeros(3, CLASSES).index_add(0, LAYOUT.index, belief.log_probs)
    drawn: Tensor = rng.categorical(torch.softmax(whole, -1))[LAYOUT.index]
    return drawn


@pytest.mark.parametrize(("name", "solver"), runs(CLASS))
def test_classes_that_are_drawn_together_go_together(name: str, solver: str) -> None:
    seen = set()
    for seed in range(5):
        wrap = partial(Joint, field=name, draw=even, rng=Streams.of(seed, 3))
        found = run(name, wrap, solver, seed, Unsure)
        assert all(len(set(part.tolist())) == 1 for part in found.split([3, 5, 4]))
        seen |= set(found.tolist())
    assert len(seen) > 2


def test_a_draw_is_a_function_of_sample_and_time() -> None:
    process = Product({"masked": CLASS["masked"]})
    joint = Joint(Unsure(process), "masked", even, Streams.of(0, 3))
    z = State({"masked": torch.full((12,), CLASSES)}, {"masked": LAYOUT})
    first, again, later = (joint(z, torch.tensor(t))["masked"].log_probs for t in (0.5, 0.5, 0.4))
    assert torch.equal(first, again)
    assert any(not torch.equal(joint(z, torch.tensor(t))["masked"].log_probs, first) for t in (0.4, 0.3, 0.2))
    assert later.shape == first.shape
    each = joint(z, torch.full((3,), 0.5))["masked"].log_probs
    assert torch.equal(each, first)


def test_what_holds_no_beliefs_is_not_drawn() -> None:
    with pytest.raises(InputError, match="classes of x cannot be drawn: Given holds no beliefs"):
        Joint(Loose(Product({"x": Given(OneHot(3))})), "x", even, Streams.of(0, 3))
