"""Laws of the Bayesian flow of classes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import pytest
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from geodrift.embeddings import OneHot
from geodrift.kernel import Evidence
from geodrift.prediction import Belief, Estimate
from geodrift.processes import Affine, BayesianCategorical
from geodrift.processes.process import Draw
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.schedules import Schedule
from geodrift.solvers import Ancestral
from geodrift.testing import Exact, Points, chi_square, kolmogorov_smirnov

K = 3
PROCESS = BayesianCategorical(K, accuracy=4.0)


@dataclass(frozen=True)
class Accumulating(Schedule):
    """The affine path of evidence divided by its accuracy: alpha = 1, sigma = (K beta)^(-1/2)."""

    def alpha(self, t: Tensor) -> Tensor:
        return torch.ones_like(t)

    def sigma(self, t: Tensor) -> Tensor:
        return torch.rsqrt(K * PROCESS.beta(t))


def sure(x: int) -> Belief:
    return Belief(torch.log(one_hot(torch.tensor([x]), K).double()))


def test_evidence_has_its_mean_and_spread() -> None:
    n, t = 40000, torch.tensor(0.3)
    z = PROCESS.corrupt(torch.ones(n, dtype=torch.int64), t, Streams.of(0, n)).z
    beta = PROCESS.beta(t)
    centred = (z - beta * (K * one_hot(torch.tensor(1), K) - 1)) / torch.sqrt(beta * K)
    assert kolmogorov_smirnov(centred, torch.special.ndtr) < 3
    assert torch.all(PROCESS.prior(torch.ones(2, dtype=torch.int64), Streams.of(0, 2)) == 0)


def test_evidence_adds() -> None:
    """Two steps for a known class have the moments of one, and of the state itself from nothing."""
    z, (t, u, s) = torch.zeros(1, K), torch.tensor([1.0, 0.6, 0.2])
    first, second, once = (PROCESS.kernel(sure(1), z, *ends) for ends in ((t, u), (u, s), (t, s)))
    torch.testing.assert_close(first.mode + second.mode, once.mode)
    torch.testing.assert_close(first.accuracy + second.accuracy, once.accuracy)
    torch.testing.assert_close(once.mode[0], PROCESS.beta(s) * (K * one_hot(torch.tensor(1), K) - 1.0))


def test_a_step_is_an_ancestral_step_of_the_affine_path() -> None:
    """In z / (K beta), the update by evidence for a class is the posterior of data e_x - 1/K."""
    t, s = torch.tensor([0.7, 0.4])
    z = torch.tensor([[0.3, -1.2, 0.8]])
    update = PROCESS.kernel(sure(2), z, t, s)
    affine = Affine(Accumulating(), OneHot(K, 1.0, 1 / K))
    now, then = K * PROCESS.beta(t), K * PROCESS.beta(s)
    x = affine.embedding.embed(torch.tensor([2]))
    law = affine.kernel(Estimate(x, (z / now - x) * torch.sqrt(now)), z / now, t, s)
    torch.testing.assert_close(update.mode / then, law.mean)
    torch.testing.assert_close(torch.sqrt(update.accuracy * K) / then, law.std)


def test_beliefs_are_those_of_the_affine_path() -> None:
    """The posterior of the class is the same from evidence and from the affine state."""
    t, weights = torch.tensor(0.5), torch.tensor([0.2, 0.5, 0.3])
    z = PROCESS.corrupt(torch.tensor([0, 1, 2]), t, Streams.of(0, 3)).z
    affine = Affine(Accumulating(), OneHot(K, 1.0, 1 / K))
    belief = Exact(PROCESS, Points(torch.arange(K), weights))(z, t)
    estimate = Exact(affine, Points(torch.arange(K), weights))(z / (K * PROCESS.beta(t)), t)
    torch.testing.assert_close(belief.probs - 1 / K, estimate.x)


def test_log_density_of_a_step_is_the_mixture_and_integrates_to_one() -> None:
    z, probs, accuracy = torch.tensor([0.2, -0.1]), torch.tensor([0.3, 0.7]), torch.tensor(0.8)
    law = Evidence(z, probs, accuracy)
    line = torch.linspace(-9, 9, 361)
    grid = torch.stack(torch.meshgrid(line, line, indexing="ij"), -1)
    density = torch.exp(law.log_prob(grid))
    assert float(density.sum() * (line[1] - line[0]) ** 2) == pytest.approx(1, abs=1e-6)
    normal = torch.distributions.Normal(0.0, torch.sqrt(accuracy * 2))
    each = [normal.log_prob(grid - z - accuracy * (2 * one_hot(torch.tensor(k), 2) - 1)).sum(-1) for k in range(2)]
    brute = torch.logsumexp(torch.stack(each, -1) + torch.log(probs), -1)
    torch.testing.assert_close(law.log_prob(grid), brute)


def test_log_density_of_a_batch() -> None:
    law = PROCESS.kernel(
        Belief(torch.log_softmax(torch.randn(2, 4, K, generator=_seed()), -1)),
        torch.zeros(2, 4, K),
        torch.tensor([0.9, 0.5]),
        torch.tensor([0.5, 0.4]),
    )
    drawn = law.sample(Streams.of(0, 2))
    assert law.log_prob(drawn).shape == (2, 4)
    single = Evidence(law.z[1, 2], law.probs[1, 2], law.accuracy[1, 0])
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
    n, process = 20000, BayesianCategorical(K, accuracy=12.0)
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


def test_loss_is_the_limit_of_the_discrete_bound() -> None:
    """n KL(sender | receiver) for one of n small steps, against a receiver that expects the class e."""
    t, n, x = torch.tensor(0.4), 20000, 1
    probs = torch.tensor([0.2, 0.5, 0.3])
    accuracy = PROCESS.beta(t - 1 / n) - PROCESS.beta(t)
    nodes, weights = _hermite(24)
    sender = accuracy * (K * one_hot(torch.tensor(x), K) - 1) + torch.sqrt(accuracy * K) * nodes
    known, mixed = (Evidence(torch.zeros(K), p, accuracy) for p in (one_hot(torch.tensor(x), K).double(), probs))
    divergence = (weights * (known.log_prob(sender) - mixed.log_prob(sender))).sum()
    loss = PROCESS.loss(torch.log(probs)[None], Draw(None, one_hot(torch.tensor([x]), K), None, t))
    torch.testing.assert_close(n * divergence[None], loss, rtol=2e-3, atol=0)


def _hermite(count: int) -> tuple[Tensor, Tensor]:
    """Nodes `(count^3, 3)` and weights of the standard normal law in space."""
    jacobi = torch.diag(torch.sqrt(torch.arange(1.0, count)), 1)
    nodes, vectors = torch.linalg.eigh(jacobi + jacobi.T)
    each = torch.square(vectors[0])
    grid = torch.stack(torch.meshgrid(nodes, nodes, nodes, indexing="ij"), -1).reshape(-1, 3)
    return grid, torch.einsum("i,j,k->ijk", each, each, each).flatten()


def test_the_network_sees_the_belief() -> None:
    z = torch.tensor([[0.0, 1.0, 3.0]])
    seen = BayesianCategorical(3).inputs(z, torch.tensor(0.5))
    torch.testing.assert_close(seen, z.exp() / z.exp().sum())
