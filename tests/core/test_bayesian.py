"""Laws of the Bayesian flow of classes."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from geodrift.embeddings import OneHot
from geodrift.kernel import Evidence
from geodrift.prediction import Belief, Estimate
from geodrift.processes import Affine, Bayesian
from geodrift.processes.accuracy import Quadratic
from geodrift.processes.families import Categorical
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.solvers import (
    Ancestral,
    EulerMaruyama,
    PredictorCorrector,
    RungeKutta,
    Solver,
    heun,
    midpoint,
    rk4,
)
from geodrift.testing import Exact, Points, assert_same, chi_square, kolmogorov_smirnov, order, run

K = 3
POINTS = torch.eye(K, dtype=torch.float64) - 1 / K


def bayesian(classes: int, total: float) -> Bayesian:
    return Bayesian(Categorical(classes), Quadratic(total))


PROCESS = bayesian(K, 4.0)


def beta(t: Tensor) -> Tensor:
    """The published accuracy."""
    return 4.0 * torch.square(1 - t)


def natural(z: Tensor, t: Tensor) -> Tensor:
    """The published logits of the belief, from a state."""
    return torch.sqrt(K * beta(t)) * z


def sure(x: int) -> Belief:
    return Belief(torch.log(one_hot(torch.tensor([x]), K).double()))


def test_evidence_has_its_mean_and_spread() -> None:
    n, t = 40000, torch.tensor(0.3)
    h = natural(PROCESS.corrupt(torch.ones(n, dtype=torch.int64), t, Streams.of(0, n)).z, t)
    centred = (h - beta(t) * (K * POINTS[1])) / torch.sqrt(beta(t) * K)
    assert kolmogorov_smirnov(centred, torch.special.ndtr) < 3
    prior = PROCESS.prior(torch.ones(n, dtype=torch.int64), Streams.of(1, n))
    assert kolmogorov_smirnov(prior, torch.special.ndtr) < 3
    assert torch.all(natural(prior, torch.tensor(1.0)) == 0), "no evidence at the source"


def test_evidence_adds() -> None:
    """Two steps for a known class have the moments of one, and of the evidence itself from nothing."""
    z, (t, u, s) = torch.zeros(1, K), torch.tensor([1.0, 0.6, 0.2])
    first, second, once = (PROCESS.kernel(sure(1), z, *ends) for ends in ((t, u), (u, s), (t, s)))
    mode = [natural(law.mode, end) for law, end in ((first, u), (second, s), (once, s))]
    torch.testing.assert_close(mode[0] + mode[1], mode[2])
    spread = [K * beta(end) * torch.square(law.std) for law, end in ((first, u), (second, s), (once, s))]
    torch.testing.assert_close(spread[0] + spread[1], spread[2])
    torch.testing.assert_close(mode[2][0], beta(s) * (K * one_hot(torch.tensor(1), K) - 1.0))


def test_a_step_is_an_ancestral_step_of_the_affine_path() -> None:
    """The update by evidence for a class is the posterior of data e_x - 1/K; without fresh noise it is DDIM."""
    t, s = torch.tensor([0.7, 0.4])
    z = torch.tensor([[0.3, -1.2, 0.8]])
    affine = Affine(PROCESS.schedule, OneHot(K, 1.0, 1 / K))
    x = affine.embedding.embed(torch.tensor([2]))
    estimate = Estimate(x, z - torch.sqrt(K * beta(t)) * x)
    update, law = PROCESS.kernel(sure(2), z, t, s), affine.kernel(estimate, z, t, s)
    torch.testing.assert_close(update.mode, law.mean)
    torch.testing.assert_close(update.std, law.std)
    for eta in (0.0, 0.5):
        assert_same(PROCESS.kernel(sure(2), z, t, s, eta), affine.kernel(estimate, z, t, s, eta), rtol=1e-12)


def test_beliefs_are_those_of_the_affine_path() -> None:
    """The posterior of the class is the same from evidence and from the affine state."""
    t, weights = torch.tensor(0.5), torch.tensor([0.2, 0.5, 0.3])
    z = PROCESS.corrupt(torch.tensor([0, 1, 2]), t, Streams.of(0, 3)).z
    affine = Affine(PROCESS.schedule, OneHot(K, 1.0, 1 / K))
    belief = Exact(PROCESS, Points(torch.arange(K), weights))(z, t)
    torch.testing.assert_close(belief.probs, torch.softmax(natural(z, t) + torch.log(weights), -1))
    torch.testing.assert_close(PROCESS.mean(belief), Exact(affine, Points(torch.arange(K), weights))(z, t).x)


def test_log_density_of_a_step_is_the_mixture_and_integrates_to_one() -> None:
    base, points = torch.tensor([0.2, -0.1]), torch.tensor([[1.0, 0.3], [-0.5, -0.8], [0.2, 0.0]])
    probs, gain, std = torch.tensor([0.3, 0.5, 0.2]), torch.tensor(1.7), torch.tensor([0.8])
    law = Evidence(base, points, probs, gain, std)
    line = torch.linspace(-9, 9, 361)
    grid = torch.stack(torch.meshgrid(line, line, indexing="ij"), -1)
    density = torch.exp(law.log_prob(grid))
    assert float(density.sum() * (line[1] - line[0]) ** 2) == pytest.approx(1, abs=1e-6)
    each = [torch.distributions.Normal(base + gain * e, std).log_prob(grid).sum(-1) for e in points]
    torch.testing.assert_close(law.log_prob(grid), torch.logsumexp(torch.stack(each, -1) + torch.log(probs), -1))


def test_log_density_of_a_batch() -> None:
    belief = Belief(torch.log_softmax(torch.randn(2, 4, K, generator=_seed()), -1))
    law = PROCESS.kernel(belief, torch.zeros(2, 4, K), torch.tensor([0.9, 0.5]), torch.tensor([0.5, 0.4]))
    drawn = law.sample(Streams.of(0, 2))
    assert law.log_prob(drawn).shape == (2, 4)
    single = Evidence(law.base[1, 2], law.points, law.probs[1, 2], law.gain[1, 0], law.std[1, 0])
    torch.testing.assert_close(law.log_prob(drawn)[1, 2], single.log_prob(drawn[1, 2]))
    with pytest.raises(TypeError, match="closed form"):
        law.kl(law)


def _seed() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("steps", [1, 3, 20])
def test_one_token_is_sampled_exactly_in_any_number_of_steps(steps: int) -> None:
    n, weights = 20000, torch.tensor([0.5, 0.3, 0.2])
    exact = Exact(PROCESS, Points(torch.arange(K)[:, None], weights))
    x = sample(exact, torch.zeros(n, 1, dtype=torch.int64), Ancestral(), Streams.of(0, n), steps=steps)
    assert chi_square(torch.bincount(x[:, 0], minlength=K).double(), weights) < 3


def test_sampling_reaches_a_correlated_law() -> None:
    n, process = 20000, bayesian(K, 12.0)
    weights = torch.tensor([0.30, 0.02, 0.03, 0.05, 0.20, 0.02, 0.03, 0.05, 0.30])
    exact = Exact(process, Points(torch.tensor(list(product(range(K), repeat=2))), weights))

    def distance(steps: int) -> float:
        x = sample(exact, torch.zeros(n, 2, dtype=torch.int64), Ancestral(), Streams.of(1, n), steps=steps)
        counts = torch.bincount(x[:, 0] * K + x[:, 1], minlength=9) / n
        return float((counts - weights).abs().sum() / 2)

    assert distance(100) < 0.02
    assert distance(1) > 0.2, "tokens drawn at once are independent"


def test_loss_is_zero_for_a_perfect_prediction_and_positive_otherwise() -> None:
    x, t = torch.tensor([[0, 2], [1, 1]]), torch.tensor([0.3, 0.9])
    draw = PROCESS.corrupt(x, t, Streams.of(0, 2))
    assert torch.all(PROCESS.loss(1000.0 * one_hot(x, K), draw) == 0)
    raw = torch.randn(2, 2, K, generator=_seed())
    expected = K * 4.0 * (1 - t)[:, None] * torch.square(one_hot(x, K) - torch.softmax(raw, -1)).sum(-1)
    torch.testing.assert_close(PROCESS.loss(raw, draw), expected)


def test_the_network_sees_the_belief() -> None:
    z, t = torch.tensor([[0.0, 1.0, 3.0]]), torch.tensor(0.5)
    torch.testing.assert_close(PROCESS.inputs(z, t), torch.softmax(natural(z, t), -1))
    assert PROCESS.categorical


@pytest.mark.parametrize("solver", [heun(), midpoint(), rk4()], ids=["heun", "midpoint", "rk4"])
def test_order_of_the_flow_from_the_very_source(solver: RungeKutta) -> None:
    """The root of the quadratic accuracy is straight, so that a start without evidence costs no order."""
    exact = Exact(PROCESS, Points(torch.arange(K), torch.tensor([0.5, 0.3, 0.2])))
    z, silent = torch.randn(9, K, generator=_seed()), Streams.of(0, 9)

    def end(method: RungeKutta, steps: int) -> Tensor:
        return run(method, exact, z, torch.linspace(1, 0.2, steps + 1), silent)

    truth = end(rk4(), 200)
    measured = order(lambda steps: float((end(solver, steps) - truth).norm()), (16, 32))
    assert measured == pytest.approx(4 if solver == rk4() else 2, abs=0.15)


@pytest.mark.parametrize("solver", [heun(), EulerMaruyama(), PredictorCorrector(snr=0.1), Ancestral(eta=0.0)], ids=repr)
def test_every_continuous_solver_reaches_the_law(solver: Solver) -> None:
    n, weights, process = 10000, torch.tensor([0.5, 0.3, 0.2]), bayesian(K, 12.0)
    exact = Exact(process, Points(torch.arange(K)[:, None], weights))
    x = sample(exact, torch.zeros(n, 1, dtype=torch.int64), solver, Streams.of(0, n), steps=100)
    torch.testing.assert_close(torch.bincount(x[:, 0], minlength=K) / n, weights, atol=0.02, rtol=0)
