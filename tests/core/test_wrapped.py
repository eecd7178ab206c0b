"""Laws of noise on a torus: the wrapped normal law, scores and velocities against exact densities, samples."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import pytest
import torch
from torch import Tensor

from geodrift.couplings import Assignment
from geodrift.errors import InputError
from geodrift.layout import Dense
from geodrift.prediction import Estimate, Tangent
from geodrift.processes import Affine, Wrapped
from geodrift.processes.process import Draw
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.schedules import EDM, VE, VP, Schedule
from geodrift.solvers import S4, Ancestral, EulerMaruyama, PredictorCorrector, Solver, Strang, euler, heun, rk4
from geodrift.solvers.grids import Power
from geodrift.spaces import Torus
from geodrift.testing import Exact, Points, kolmogorov_smirnov, order, run
from geodrift.wrapped_normal import WrappedNormal, information

PERIOD = 3.0
SPACE = Torus(PERIOD)
SPREADS = (0.01, 0.1, 0.35, 0.3989, 0.3990, 0.5, 1.0, 3.0, 30.0)
PATHS = [EDM(PERIOD), VE(0.01, PERIOD)]
GENTLE = [EDM(PERIOD), VE(0.1, PERIOD)]
SOLVERS = [
    euler(),
    heun(),
    EulerMaruyama(scale=0.5),
    EulerMaruyama(scale=2.0),
    Ancestral(),
    Ancestral(eta=0.0),
    PredictorCorrector(snr=0.1),
    Strang(),
    S4(snr=0.1),
]


def brute(d: Tensor, std: float, images: int) -> Tensor:
    """The wrapped normal density as the plain sum over images."""
    places = (d[..., None] + PERIOD * torch.arange(-images, images + 1)) / std
    return torch.exp(-torch.square(places) / 2).sum(-1) / (std * math.sqrt(2 * math.pi))


def mixture() -> Points:
    """Two modes, one of them across the seam."""
    return Points(torch.tensor([[0.05], [1.4]]), torch.tensor([0.35, 0.65]), torch.tensor([0.15, 0.25]))


def cdf(x: Tensor) -> Tensor:
    law, images = mixture(), PERIOD * torch.arange(-3, 4)
    assert law.std is not None
    ends = [(v[..., None, None] + images - law.points) / law.std[:, None] for v in (x, torch.zeros(()))]
    return (law.weights * (torch.special.ndtr(ends[0]) - torch.special.ndtr(ends[1])).sum(-1)).sum(-1)


def states(path: Schedule, t: float) -> tuple[Exact, Tensor, Tensor]:
    return Exact(Wrapped(path, SPACE), mixture()), torch.linspace(0.01, PERIOD - 0.01, 31)[:, None], torch.tensor(t)


def end(solver: Solver, path: Schedule, steps: int) -> Tensor:
    """Where the exact flow of the mixture ends, by this many steps."""
    exact, z, _ = states(path, 0.5)
    found: Tensor = run(solver, exact, z, torch.linspace(0.5, 0.2, steps + 1), Streams.of(0, 1))
    return found


@pytest.fixture(scope="module")
def reference() -> Callable[[Schedule], Tensor]:
    return cache(lambda path: end(rk4(), path, 150))


@pytest.mark.parametrize("share", SPREADS)
def test_density_is_the_sum_over_images(share: float) -> None:
    """Relative errors of 1e-13 and less for every spread, on both sides of the change of series."""
    d, std = torch.linspace(-PERIOD / 2, PERIOD / 2, 101), share * PERIOD
    law = WrappedNormal(torch.zeros_like(d), torch.tensor(std), SPACE)
    expected = brute(d, std, 200 if share <= 3 else 1000)
    seen = expected > 1e-290
    torch.testing.assert_close(torch.exp(law.log_prob(d))[seen], expected[seen], rtol=3e-13, atol=0)


def test_truncation_is_where_the_bound_says() -> None:
    """At the change the first omitted image and wave are worth exp(-12 pi) and exp(-16 pi): nothing in float64."""
    spread = 1 / math.sqrt(2 * math.pi)
    images = sum(math.exp(-k * (k - 1) / (2 * spread**2)) for k in range(4, 50))
    waves = sum(math.exp(-2 * (math.pi * k * spread) ** 2) for k in range(4, 50))
    assert 2 * images == pytest.approx(2 * math.exp(-12 * math.pi), rel=1e-9)
    assert 2 * images < 1e-16
    assert 2 * waves / 0.91 < 1e-21
    d, std = torch.tensor([PERIOD / 2]), spread * PERIOD
    laws = [WrappedNormal(torch.zeros(1), torch.tensor(std * f), SPACE) for f in (1 - 1e-15, 1 + 1e-15)]
    left, right = (law.log_prob(d) for law in laws)
    torch.testing.assert_close(left, right, rtol=0, atol=1e-14)


@pytest.mark.parametrize("share", SPREADS)
def test_score_is_the_derivative_of_the_density_and_the_law_is_normalised(share: float) -> None:
    n = 4000
    z = (PERIOD * (torch.arange(n) + 0.5) / n).requires_grad_()
    law = WrappedNormal(torch.full_like(z, 0.7).detach(), torch.tensor(share * PERIOD), SPACE)
    density = law.log_prob(z)
    (slope,) = torch.autograd.grad(density.sum(), z)
    torch.testing.assert_close(law.score(z).detach(), slope, rtol=1e-9, atol=1e-12)
    assert float(torch.exp(density.detach()).mean() * PERIOD) == pytest.approx(1, abs=1e-12)


def test_relative_accuracy_of_a_wide_score() -> None:
    """The sum over images cancels here; the waves do not: -(4 pi / P) q sin(2 pi d / P), q = exp(-2 pi^2 s^2)."""
    d, share = torch.tensor([0.3]), 2.0
    law = WrappedNormal(torch.zeros(1), torch.tensor(share * PERIOD), SPACE)
    wave = math.exp(-2 * (math.pi * share) ** 2) * math.sin(2 * math.pi * 0.3 / PERIOD)
    assert float(law.score(d)) == pytest.approx(-4 * math.pi / PERIOD * wave, rel=1e-12)


def test_information_is_the_mean_square_of_the_score() -> None:
    for share in (0.01, 0.049, 0.051, 0.2, 0.39, 0.41, 1.0):
        n = 20000
        z = PERIOD * (torch.arange(n) + 0.5) / n
        law = WrappedNormal(torch.zeros(n), torch.tensor(share * PERIOD), SPACE)
        expected = (torch.exp(law.log_prob(z)) * torch.square(share * PERIOD * law.score(z))).mean() * PERIOD
        assert float(information(torch.tensor(share))) == pytest.approx(float(expected), rel=1e-10)


def test_kernel_draws_from_its_law() -> None:
    n = 20000
    law = WrappedNormal(torch.full((n, 1), 2.9), torch.tensor(0.8), SPACE)
    images = PERIOD * torch.arange(-4, 5)

    def expected(x: Tensor) -> Tensor:
        ends = [torch.special.ndtr((v[..., None] + images - 2.9) / 0.8) for v in (x, torch.zeros(1))]
        return (ends[0] - ends[1]).sum(-1)

    drawn = law.sample(Streams.of(0, n))
    assert kolmogorov_smirnov(drawn, expected) < 3
    assert torch.all((drawn >= 0) & (drawn < PERIOD))
    torch.testing.assert_close(WrappedNormal(law.mean + 3, torch.tensor(0.0), SPACE).mode, law.mode)
    with pytest.raises(TypeError, match="no closed form"):
        law.kl(law)


@pytest.mark.parametrize("path", PATHS, ids=repr)
@pytest.mark.parametrize("time", [0.1, 0.4, 0.9])
def test_score_is_the_gradient_of_the_log_density(path: Schedule, time: float) -> None:
    exact, z, t = states(path, time)
    z = z.requires_grad_()
    (gradient,) = torch.autograd.grad(exact.log_prob(z, t).sum(), z)
    torch.testing.assert_close(exact.process.score(exact(z, t), z, t), gradient, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("path", PATHS, ids=repr)
@pytest.mark.parametrize("time", [0.1, 0.4, 0.9])
def test_density_moves_with_the_velocity(path: Schedule, time: float) -> None:
    """The continuity equation, divided by the density."""
    (exact, z, t), h = states(path, time), 1e-5
    z = z.requires_grad_()
    velocity = exact.process.velocity(exact(z, t), z, t)
    (divergence,) = torch.autograd.grad(velocity.sum(), z, retain_graph=True)
    (slope,) = torch.autograd.grad(exact.log_prob(z, t).sum(), z)
    change = (exact.log_prob(z, t + h) - exact.log_prob(z, t - h))[:, None] / (2 * h)
    residual = (change + velocity * slope + divergence).detach()
    assert torch.all(residual.abs() < 1e-6 * (1 + change.abs() + divergence.abs()).detach())


@pytest.mark.parametrize("normalised", [True, False])
def test_the_best_answer_is_the_exact_one(normalised: bool) -> None:
    """The gradient of the loss, averaged over data and noise given the state, is zero at the oracle's answer."""
    process, z, t = Wrapped(EDM(PERIOD), SPACE, normalised), torch.tensor([[0.8]]), torch.tensor(0.3)
    law = Points(mixture().points, mixture().weights)
    exact = Exact(process, law)
    raw = (exact(z, t).v / process.scale(z, t)).requires_grad_()
    posterior = torch.softmax(law.log_joint(process, z, t), -1)[0]
    losses = [process.loss(raw, Draw(z, x[None], x[None], t)) for x in law.points]
    (slope,) = torch.autograd.grad(sum(w * loss.sum() for w, loss in zip(posterior, losses, strict=True)), raw)
    torch.testing.assert_close(slope, torch.zeros(1, 1), rtol=0, atol=1e-12)
    torch.testing.assert_close(process.resolve(raw.detach(), z, t).v, exact(z, t).v)


def test_normalised_targets_have_unit_mean_square() -> None:
    process, n = Wrapped(EDM(PERIOD), SPACE), 40000
    for time in (0.01, 0.2, 0.5, 1.0):
        draw = process.corrupt(torch.full((n, 1), 0.4), torch.tensor(time), Streams.of(0, n))
        assert float(process.loss(torch.zeros(n, 1), draw).mean()) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("path", PATHS, ids=repr)
def test_far_from_the_seam_a_step_is_that_of_a_normal_path(path: Schedule, eta: float) -> None:
    """On a torus that is long against the noise; the solver hands on its own share of fresh noise."""
    wide, t, s = Wrapped(path, SPACE), torch.tensor(0.3), torch.tensor(0.2)
    z, n, sigma = torch.tensor([[1.4]]), torch.tensor([[0.3]]), path.sigma(t)
    law = Ancestral(eta).law(wide, Tangent(n, sigma), z, t, s, Dense())
    plain = Affine(path).kernel(Estimate(z - sigma * n, n), z, t, s, eta)
    torch.testing.assert_close((law.mean, law.std), (plain.mean, plain.std))
    assert (law.std == 0) == (eta == 0)
    linear, expected = wide.reverse_linear(z, t, s), Affine(path).reverse_linear(z, t, s)
    torch.testing.assert_close((linear.mean, linear.std), (expected.mean, expected.std))


@pytest.mark.parametrize("path", PATHS, ids=repr)
@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
def test_samples_have_the_law(solver: Solver, path: Schedule) -> None:
    n, grid = 2000, Power(2.0) if isinstance(path, EDM) else None
    exact = Exact(Wrapped(path, SPACE), mixture())
    x = sample(exact, torch.zeros(n, 1), solver, Streams.of(0, n), steps=40, grid=grid)
    assert torch.all((x >= 0) & (x < PERIOD))
    assert kolmogorov_smirnov(x, cdf) < 3


@pytest.mark.parametrize(("solver", "expected"), [(euler(), 1), (heun(), 2), (rk4(), 4)], ids=["euler", "heun", "rk4"])
@pytest.mark.parametrize("path", GENTLE, ids=repr)
def test_order_on_the_torus(
    solver: Solver, expected: int, path: Schedule, reference: Callable[[Schedule], Tensor]
) -> None:
    measured = order(lambda n: float(SPACE.log(end(solver, path, n), reference(path)).norm()), (16, 32))
    assert measured == pytest.approx(expected, abs=0.15)


def test_what_a_torus_does_not_allow_is_refused() -> None:
    with pytest.raises(InputError, match="scales the data, which no torus allows; choose ve or edm"):
        Wrapped(VP())
    with pytest.raises(InputError, match="does not cover Torus"):
        Wrapped(EDM(0.2))
    with pytest.raises(InputError, match="use the independent coupling"):
        Assignment().pair(Wrapped(EDM(PERIOD), SPACE), torch.zeros(2, 1), {}, Streams.of(0, 2))
    with pytest.raises(InputError, match="no mean to predict"):
        _ = Tangent(torch.zeros(1), torch.ones(1)).x
