"""Every solver on Bayesian flows: it reaches the law, from beliefs and from mean vectors, or says why it cannot."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from geodrift.errors import InputError
from geodrift.processes import Bayesian, Product
from geodrift.processes.accuracy import Accuracy, Entropy, Quadratic
from geodrift.processes.families import Categorical, Family, Gaussian
from geodrift.processes.periodic import Periodic
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.solvers import CTMC, Ancestral, Churn, Renoise, Reveal, Solver
from geodrift.solvers.driven import AdaptiveEulerMaruyama
from geodrift.state import State
from geodrift.testing import Averaged, Exact, Points, assert_same

WEIGHTS = torch.tensor([0.5, 0.3, 0.2]).double()
POINTS = {Categorical(3): torch.arange(3), Periodic(): torch.tensor([0.1, 0.4, 0.7])}


def shares(x: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    return torch.bincount((x - points).abs().argmin(-1), minlength=3) / len(x)


@pytest.mark.parametrize("family", POINTS, ids=["classes", "circle"])
@pytest.mark.parametrize("accuracy", [Quadratic(20.0), Entropy(60.0)], ids=["quadratic", "entropy"])
def test_every_solver_reaches_the_law_or_refuses(any_solver: Solver, accuracy: Accuracy, family: Family) -> None:
    """A start without evidence is refused by those that divide by the signal or need the velocity there."""
    n, points = 800, POINTS[family].double() if isinstance(family, Periodic) else POINTS[family]
    exact = Exact(Bayesian(family, accuracy), Points(points[:, None], WEIGHTS))
    like = torch.zeros(n, 1, dtype=points.dtype)
    if isinstance(any_solver, AdaptiveEulerMaruyama):
        any_solver = replace(any_solver, absolute=0.1, relative=0.1)
    by_means = isinstance(family, Periodic) and not isinstance(any_solver, Renoise)  # a mean makes it seek modes
    for denoise in (exact, Averaged(exact)) if by_means else (exact,):
        try:
            x = sample(denoise, like, any_solver, Streams.of(0, n), steps=25)
        except InputError:
            _has_a_reason(any_solver, denoise)
            continue
        torch.testing.assert_close(shares(x, points), WEIGHTS, atol=0.055, rtol=0)


def _has_a_reason(solver: Solver, denoise: Any) -> None:
    """It is the start: with evidence all go ahead, but for those that reveal masked classes."""
    if not isinstance(solver, Reveal):
        with pytest.raises(InputError):
            solver.admit(denoise.process, torch.tensor([1.0, 0.5]))
        solver.admit(denoise.process, torch.tensor([0.9, 0.5]))


def test_beliefs_move_as_their_means(any_solver: Solver) -> None:
    """Where no point is drawn from the belief, a belief and its mean vector lead to the same state."""
    exact = Exact(Bayesian(Periodic(), Quadratic(20.0)), Points(torch.tensor([[0.1], [0.4], [0.7]]), WEIGHTS))
    if isinstance(any_solver, (Ancestral, CTMC, Renoise, Reveal)):
        return  # the first three draw a point, the last moves no real numbers
    times = torch.tensor([0.8, 0.6])
    z = exact.process.prior(torch.zeros(6, 1), Streams.of(0, 6))
    ends = []
    for denoise in (exact, Averaged(exact)):
        rng = Streams.of(1, 6)
        ends.append(any_solver.step(denoise, z, times[0], times[1], any_solver.init(z, rng), rng)[0])
    assert_same(ends[0], ends[1], rtol=1e-9, atol=1e-9)


def test_noise_churned_in_keeps_classes_at_their_time() -> None:
    """The state goes back to the noisier time along the forward process: the mean is scaled, the noise stays one."""
    process, n = Bayesian(Categorical(3), Quadratic(20.0)), 20000
    t, back = torch.tensor(0.4), torch.tensor(0.6)
    draw = process.corrupt(torch.ones(n, dtype=torch.int64), t, Streams.of(0, n))
    z = process.advance(Churn().law, draw.z, draw.z, t, back, Streams.of(1, n))
    torch.testing.assert_close(z.mean(0), process.at(back, z).alpha * draw.x[0], atol=0.03, rtol=0)
    torch.testing.assert_close(z.std(0), torch.ones(3), atol=0.02, rtol=0)


@pytest.mark.parametrize("family", [Gaussian(), *POINTS], ids=["numbers", "classes", "circle"])
def test_noise_may_be_mirrored_and_kept(family: Family) -> None:
    """Antithetic noise is of the opposite sign, and a stored draw of the source is where sampling starts."""
    process, t = Bayesian(family, Quadratic()), torch.tensor(0.3)
    x = torch.arange(3) if isinstance(family, Categorical) else torch.rand(3)
    draw = process.corrupt(x, t, Streams.of(0, 3))
    assert_same(process.mirror(draw), process.corrupt(x, t, Streams.of(1, 3), -draw.n), rtol=1e-12, atol=1e-12)
    state = State({"x": x})
    product = Product({"x": process})
    kept = product.partner(state, Streams.of(2, 3))
    assert_same(dict(product.start(kept, Streams.of(3, 3))), dict(kept))
