"""Laws of the exact denoisers of Gaussian mixtures: every closed form against differentiation and sampling."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from geodrift.diagnostics.conservativity import jacobian
from geodrift.diagnostics.fields import score_field, velocity_field
from geodrift.processes import Affine, Jump, Process, Product
from geodrift.rng import Streams
from geodrift.schedules import VE, VP, Cosine, Rectified, Schedule
from geodrift.state import State
from geodrift.testing import Exact, Mixture, Points, assert_same, kolmogorov_smirnov

TIMES = (0.15, 0.5, 0.9)


def covariances(m: int, d: int) -> Tensor:
    root = torch.randn(m, d, d, generator=torch.Generator().manual_seed(m)) * 0.4
    return root @ root.mT + 0.05 * torch.eye(d)


def plane() -> Mixture:
    return Mixture(torch.tensor([[1.0, -1.0], [-1.2, 0.8]]), torch.tensor([0.3, 0.7]), covariances(2, 2))


def system() -> tuple[Product, Mixture]:
    """Two fields on paths of their own, correlated within each component."""
    means = State(
        {"a": torch.tensor([[1.0, -0.5], [0.2, 1.1], [-1.0, 0.0]]), "b": torch.tensor([[0.4], [-0.8], [1.0]])}
    )
    return Product({"a": Affine(VP()), "b": Affine(Rectified())}), Mixture(
        means, torch.tensor([0.2, 0.5, 0.3]), covariances(3, 3)
    )


def cases() -> list[tuple[Process, Mixture]]:
    return [(Affine(VP()), plane()), (Affine(VE(0.05, 5.0)), plane()), (Affine(Cosine()), plane()), system()]


@pytest.fixture(params=range(4), ids=["vp", "ve", "cosine", "system"])
def exact(request: pytest.FixtureRequest) -> Exact:
    return Exact(*cases()[request.param])


def states(exact: Exact, t: float, count: int = 12) -> tuple[State | Tensor, Tensor]:
    time = torch.full((count,), t)
    return exact.process.corrupt(exact.law.sample(Streams.of(1, count), count), time, Streams.of(2, count)).z, time


def vectors(z: State | Tensor) -> Tensor:
    return torch.cat([v.flatten(1) for v in z.values()], 1) if isinstance(z, State) else z


@pytest.mark.parametrize("time", TIMES)
def test_the_score_is_the_gradient_of_the_log_density(exact: Exact, time: float) -> None:
    z, t = states(exact, time)
    leaves = [v.requires_grad_() for v in (z.values() if isinstance(z, State) else [z])]
    gradients = torch.autograd.grad(exact.log_prob(z, t).sum(), leaves)
    found, mixture = exact.score(z, t), exact.law.mixture()
    torch.testing.assert_close(vectors(found), torch.cat(gradients, 1), rtol=1e-9, atol=1e-9)
    closed = mixture.noisy(exact.process, t, z).score(vectors(z))
    torch.testing.assert_close(closed, torch.cat(gradients, 1), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("time", TIMES)
def test_divergences_are_traces_of_jacobians(exact: Exact, time: float) -> None:
    z, t = states(exact, time)
    by_score, by_velocity = (jacobian(field(exact, t), z) for field in (score_field, velocity_field))
    hessian = exact.law.mixture().noisy(exact.process, t, z).hessian(vectors(z))
    torch.testing.assert_close(hessian, by_score, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(exact.laplacian(z, t), by_score.diagonal(dim1=1, dim2=2).sum(1), rtol=1e-8, atol=1e-8)
    trace = by_velocity.diagonal(dim1=1, dim2=2).sum(1)
    torch.testing.assert_close(exact.divergence(z, t), trace, rtol=1e-8, atol=1e-8)


def test_mean_and_covariance_of_the_data_are_those_of_weighted_samples() -> None:
    """Bayes' rule by importance: data drawn from the law, weighted by the likelihood of one state."""
    exact, n, t = Exact(Affine(VP()), plane()), 400_000, torch.tensor(0.3)
    z, at = torch.tensor([[0.4, -0.2]]), VP()(t)
    x = exact.law.sample(Streams.of(0, n), n)
    weights = torch.softmax(-torch.square(z - at.alpha * x).sum(1) / (2 * at.sigma**2), 0)
    mean = weights @ x
    spread = (weights[:, None] * (x - mean)).T @ (x - mean)
    torch.testing.assert_close(exact(z, t).x[0], mean, rtol=0, atol=5e-3)
    torch.testing.assert_close(exact.covariance(z, t)[0], spread, rtol=0, atol=5e-3)


def test_mean_and_covariance_keep_the_totals(exact: Exact) -> None:
    """The law of total expectation and variance, over noisy states."""
    n = 20_000
    z, t = states(exact, 0.4, n)
    mixture, p = exact.law.mixture(), exact(z, t)
    found = torch.cat([p[name].x for name in p], 1) if isinstance(z, State) else p.x
    mean = mixture.weights @ mixture.vectors
    away = mixture.vectors - mean
    total = torch.einsum("m,mij->ij", mixture.weights, mixture.covariances + away[:, :, None] * away[:, None])
    torch.testing.assert_close(found.mean(0), mean, rtol=0, atol=0.03)
    torch.testing.assert_close(exact.covariance(z, t).mean(0) + torch.cov(found.T), total, rtol=0, atol=0.05)


@pytest.mark.parametrize("axis", [[1.0, 0.0], [0.6, -0.8]])
def test_samples_have_the_distribution_function(axis: list[float]) -> None:
    law, along, n = plane(), torch.tensor(axis), 20_000
    assert kolmogorov_smirnov(law.sample(Streams.of(3, n), n) @ along, lambda x: law.cdf(x, along)) < 3
    wide = law.sample(Streams.of(3, n), n) @ along * 1.05
    assert kolmogorov_smirnov(wide, lambda x: law.cdf(x, along)) > 3


def test_blurred_points_are_a_mixture(schedule: Schedule) -> None:
    """The elementwise oracle and the one of matrices, on the same law."""
    points = Points(torch.tensor([[1.0, -1.0], [-1.2, 0.8]]), torch.tensor([0.3, 0.7]), torch.tensor([0.45, 0.6]))
    one, other = Exact(Affine(schedule), points), Exact(Affine(schedule), points.mixture())
    for time in TIMES:
        z, t = states(one, time)
        assert_same(one(z, t), other(z, t), rtol=1e-9, atol=1e-9)
        assert_same(one.log_prob(z, t), other.log_prob(z, t), rtol=1e-9, atol=1e-9)
        assert_same(one.posterior(z, t), other.posterior(z, t), rtol=1e-9, atol=1e-9)
        assert_same(one.velocity(z, t), other.velocity(z, t), rtol=1e-8, atol=1e-8)


def test_an_empirical_law_is_points_without_blur() -> None:
    points = torch.tensor([[1.0, -1.0], [-1.2, 0.8], [0.3, 0.1]])
    exact = Exact(Affine(VP()), Points(points, torch.tensor([0.2, 0.3, 0.5])))
    z, t = states(exact, 0.4)
    shares = exact.posterior(z, t)
    torch.testing.assert_close(exact(z, t).x, shares @ points)
    away = points - (shares @ points)[:, None]
    spread = torch.einsum("bm,bmi,bmj->bij", shares, away, away)
    torch.testing.assert_close(exact.covariance(z, t), spread)


def test_a_process_without_closed_form_says_so() -> None:
    with pytest.raises(TypeError, match="no closed form for Jump"):
        Exact(Jump.masked(2), plane())(torch.zeros(1, 2, dtype=torch.int64).double(), torch.tensor(0.5))
