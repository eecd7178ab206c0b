"""What comes out of exact denoisers of the Bayesian flow on the circle: three atoms, by every rule for a step."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from geodrift.prediction import Estimate, Located
from geodrift.processes import Bayesian
from geodrift.processes.accuracy import Entropy, Quadratic
from geodrift.processes.periodic import Bins, Periodic, polar
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.solvers import Ancestral, EulerMaruyama, PredictorCorrector, Solver, heun
from geodrift.testing import Averaged, Exact, Points, chi_square
from geodrift.von_mises import wrap

TURN = 2 * math.pi
PROCESS = Bayesian(Periodic(TURN), Entropy())
ATOMS, WEIGHTS = torch.tensor([-2.0, 0.3, 1.9]).double().remainder(TURN), torch.tensor([0.2, 0.5, 0.3]).double()
LAW = Points(ATOMS[:, None], WEIGHTS)


class Angle(Averaged):
    """The direction of the mean alone, as published networks tell it."""

    def __call__(self, z: Tensor, t: Tensor, cond: Any = None) -> Estimate:
        return Estimate(polar(super().__call__(z, t).x)[0], torch.zeros_like(z))


def shares(x: Tensor) -> Tensor:
    """The share of the samples nearest to each atom."""
    return torch.bincount(wrap(x - ATOMS).abs().argmin(-1), minlength=3) / len(x)


def drawn(denoise: Any, solver: Solver, steps: int, n: int = 20000) -> Tensor:
    return torch.as_tensor(sample(denoise, torch.zeros(n, 1), solver, Streams.of(0, n), steps=steps))


@pytest.mark.parametrize(("steps", "within"), [(10, 0.02), (50, 0.01), (200, 0.005)])
def test_three_atoms_are_sampled_exactly_in_any_number_of_steps(steps: int, within: float) -> None:
    """40,000 samples, whose own standard deviation is up to 0.0025."""
    x = drawn(Exact(PROCESS, LAW), Ancestral(), steps, 40000)
    torch.testing.assert_close(shares(x), WEIGHTS, atol=within, rtol=0)
    assert chi_square(shares(x) * len(x), WEIGHTS) < 3
    assert float(wrap(x - ATOMS).abs().min(-1)[0].max()) < 1e-9


ROWS = [
    (Ancestral(eta=0.0), 10, [0.183, 0.514, 0.302], 0.03),
    (Ancestral(eta=0.0), 50, [0.199, 0.504, 0.297], 0.015),
    (Ancestral(), 10, [0.154, 0.559, 0.287], 0.015),
    (Ancestral(), 50, [0.188, 0.520, 0.292], 0.01),
]


@pytest.mark.parametrize(("solver", "steps", "expected", "within"), ROWS, ids=repr)
def test_the_mean_vector_alone_is_right_in_the_limit(
    solver: Solver, steps: int, expected: list[float], within: float
) -> None:
    """Flow and SDE, against figures of another implementation for atoms of these weights."""
    found = shares(drawn(Averaged(Exact(PROCESS, LAW)), solver, steps))
    torch.testing.assert_close(found, torch.tensor(expected), atol=within, rtol=0)


@pytest.mark.parametrize("solver", [Ancestral(eta=0.0), Ancestral()], ids=repr)
def test_the_error_of_the_mean_vector_vanishes(solver: Solver) -> None:
    mean = Averaged(Exact(PROCESS, LAW))
    gaps = [float((shares(drawn(mean, solver, steps)) - WEIGHTS).abs().max()) for steps in (5, 100)]
    assert gaps[0] > 0.05
    assert gaps[1] < 0.02


def test_an_angle_alone_is_biased_at_any_number_of_steps() -> None:
    for steps in (10, 50):
        found = shares(drawn(Angle(Exact(PROCESS, LAW)), Ancestral(), steps))
        assert found[1] - WEIGHTS[1] > 0.09
        assert WEIGHTS[0] - found[0] > 0.08


CONTINUOUS = [heun(), EulerMaruyama(), PredictorCorrector(snr=0.1), Ancestral(eta=0.0)]


@pytest.mark.parametrize("solver", CONTINUOUS, ids=["heun", "euler-maruyama", "predictor-corrector", "eta=0"])
def test_every_continuous_solver_reaches_the_law(solver: Solver) -> None:
    process = Bayesian(Periodic(TURN), Quadratic(60.0))
    x = drawn(Exact(process, LAW), solver, 100, 8000)
    torch.testing.assert_close(shares(x), WEIGHTS, atol=0.02, rtol=0)


class Snapped:
    """The exact belief, told in bins: each atom's probability at the bin nearest to it."""

    def __init__(self, exact: Exact, head: Bins) -> None:
        self.exact, self.process, self.head = exact, exact.process, head

    def __call__(self, z: Tensor, t: Tensor, cond: Any = None) -> Located:
        p, at = self.exact(z, t), self.process.at(t, z)
        direction, length = polar(z)
        bins = self.head.resolve(torch.zeros(*z.shape[:-1], self.head.count), direction, at.alpha * length, z, at)
        gap = torch.square(bins.points[..., None, :] - p.points[..., None, :, :]).sum(-1)
        probs = torch.zeros_like(bins.log_probs).scatter_add(-1, gap.argmin(-2), p.probs)
        return Located(torch.log(probs), bins.points)


def test_bins_as_fine_as_the_belief_hold_a_law() -> None:
    x = drawn(Snapped(Exact(PROCESS, LAW), Bins(64)), Ancestral(), 20, 4000)
    torch.testing.assert_close(shares(x), WEIGHTS, atol=0.02, rtol=0)
    assert float(wrap(x - ATOMS).abs().min(-1)[0].mean()) < 0.005, "a sixty-fourth of the circle is 0.1"
