"""Laws of guidance: both branches count, and what they give together is known in closed form."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from geodrift.guidance.cfg import ClassifierFree
from geodrift.guidance.temperature import Tempered
from geodrift.prediction import Belief, Estimate
from geodrift.processes import Affine, Jump, Process
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.schedules import VP
from geodrift.solvers import Ancestral, heun
from geodrift.testing import Counted, Exact, Points, assert_same, chi_square

COND = {"property": torch.ones(1)}


class Branches:
    """The exact denoisers of a conditional and of an unconditional law."""

    def __init__(self, process: Process, conditional: Points, unconditional: Points) -> None:
        self.process = process
        self.known, self.unknown = Exact(process, conditional), Exact(process, unconditional)

    def __call__(self, z: Any, t: Any, cond: Any = None) -> Any:
        return (self.known if cond else self.unknown)(z, t)


def gaussians() -> Branches:
    conditional, unconditional = (Points(torch.tensor([[m]]), torch.ones(1), torch.tensor([0.5])) for m in (1.0, 0.2))
    return Branches(Affine(VP()), conditional, unconditional)


P0, PC = [0.5, 0.3, 0.2], [0.2, 0.2, 0.6]


def classes() -> Branches:
    law = (Points(torch.arange(3)[:, None], torch.tensor(p)) for p in (PC, P0))
    return Branches(Jump.masked(3), *law)


@pytest.mark.parametrize("scale", [0.0, 1.0, 2.0])
def test_guided_gaussians_have_the_extrapolated_mean(scale: float) -> None:
    n = 4000
    x = sample(ClassifierFree(gaussians(), scale), torch.zeros(n, 1), heun(), Streams.of(0, n), steps=60, cond=COND)
    assert float(x.mean()) == pytest.approx(0.2 + scale * 0.8, abs=0.03)
    assert float(x.std()) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("scale", [0.0, 1.0, 2.0])
def test_guided_classes_have_the_tilted_law(scale: float) -> None:
    n, tilted = 20000, torch.tensor(P0) ** (1 - scale) * torch.tensor(PC) ** scale
    like = torch.zeros(n, 1, dtype=torch.int64)
    x = sample(ClassifierFree(classes(), scale), like, Ancestral(), Streams.of(0, n), steps=4, cond=COND)
    assert chi_square(torch.bincount(x[:, 0], minlength=3).double(), tilted / tilted.sum()) < 3


@pytest.mark.parametrize("branches", [gaussians, classes])
def test_scale_one_is_the_condition_and_scale_zero_is_none(branches: Any) -> None:
    denoise, t = branches(), torch.tensor(0.5)
    z = denoise.process.prior(
        torch.zeros(4, 1, dtype=torch.int64) if branches is classes else torch.zeros(4, 1), Streams.of(0, 4)
    )
    assert_same(ClassifierFree(denoise, 1.0)(z, t, COND), denoise(z, t, COND))
    assert_same(ClassifierFree(denoise, 0.0)(z, t, COND), denoise(z, t), atol=1e-12)
    assert_same(ClassifierFree(denoise, 3.0)(z, t), denoise(z, t))
    with pytest.raises(AssertionError):
        assert_same(ClassifierFree(denoise, 2.0)(z, t, COND), denoise(z, t, COND), atol=1e-3)


def test_branches_are_asked_once_each_and_only_when_needed() -> None:
    z, t = torch.zeros(2, 1), torch.tensor(0.5)
    for scale, cond, calls in ((2.0, COND, 2), (0.0, COND, 2), (1.0, COND, 1), (2.0, None, 1)):
        counted = Counted(gaussians())
        ClassifierFree(counted, scale)(z, t, cond)
        assert counted.calls == calls


def log(*probs: float) -> Tensor:
    return torch.log(torch.tensor([probs]))


def test_extrapolation_of_certain_beliefs() -> None:
    """What is impossible stays so; one and zero are the two ends, also with zeros in either."""
    sure, even, half = Belief(log(1, 0, 0)), Belief(log(0.4, 0.3, 0.3)), Belief(log(0.5, 0.5, 0))
    assert_same(sure.extrapolate(sure, 2.0), sure)
    assert_same(half.extrapolate(even, 1.0), half, atol=1e-12)
    assert_same(even.extrapolate(half, 1.0), even, atol=1e-12)
    assert_same(half.extrapolate(even, 0.0), even, atol=1e-12)
    assert half.extrapolate(even, 2.0).probs[0, 2] == 0
    twice = half.extrapolate(even, 2.0).probs[0, :2]
    torch.testing.assert_close(twice, torch.tensor([0.5**2 / 0.4, 0.5**2 / 0.3]) / (0.5**2 / 0.4 + 0.5**2 / 0.3))


def test_temperature_sharpens_beliefs_only() -> None:
    belief = Belief(log(0.2, 0.5, 0.3)).tempered(0.5).probs[0]
    torch.testing.assert_close(belief, torch.tensor([0.04, 0.25, 0.09]) / 0.38)
    estimate = Estimate(torch.ones(1), torch.ones(1))
    assert_same(estimate.tempered(0.5), estimate)
    z, t = torch.full((2, 1), 3), torch.tensor(0.5)
    assert_same(Tempered(classes(), 1.0)(z, t), classes()(z, t), atol=1e-12)
