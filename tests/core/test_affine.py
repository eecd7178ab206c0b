"""Laws of data plus Gaussian noise: scores, velocities and transitions against exact densities."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from geodrift.errors import InputError
from geodrift.kernel import Gaussian
from geodrift.prediction import Estimate
from geodrift.processes import Affine
from geodrift.rng import Streams
from geodrift.schedules import VP, Rectified, Schedule
from geodrift.solvers import S4, Solver, Strang
from geodrift.testing import Exact, Points, assert_same, kolmogorov_smirnov

TIMES = (0.15, 0.5, 0.9)


def mixture() -> Points:
    """Two modes in the plane."""
    points = torch.tensor([[1.0, -1.0], [-1.2, 0.8]])
    return Points(points, torch.tensor([0.3, 0.7]), torch.tensor([0.45, 0.6]))


def states(schedule: Schedule, t: Tensor) -> Tensor:
    return Affine(schedule).corrupt(mixture().sample(Streams.of(1, 20), 20), t, Streams.of(2, 20)).z


@pytest.mark.parametrize("time", TIMES)
def test_score_is_the_gradient_of_the_log_density(schedule: Schedule, time: float) -> None:
    exact, t = Exact(Affine(schedule), mixture()), torch.tensor(time)
    z = states(schedule, t).requires_grad_()
    (gradient,) = torch.autograd.grad(exact.log_prob(z, t).sum(), z)
    score = exact.process.score(exact(z, t), z, t)
    torch.testing.assert_close(score, gradient, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("time", TIMES)
def test_density_moves_with_the_velocity(schedule: Schedule, time: float) -> None:
    """The continuity equation, divided by the density: d log p / dt + u . grad log p + div u = 0."""
    exact, t, h = Exact(Affine(schedule), mixture()), torch.tensor(time), 1e-5
    z = states(schedule, t).requires_grad_()
    velocity = exact.process.velocity(exact(z, t), z, t)
    rows = [torch.autograd.grad(velocity[:, i].sum(), z, retain_graph=True)[0][:, i] for i in range(2)]
    advection = (velocity * torch.autograd.grad(exact.log_prob(z, t).sum(), z)[0]).sum(1)
    change = (exact.log_prob(z, t + h) - exact.log_prob(z, t - h)) / (2 * h)
    residual = change + advection + rows[0] + rows[1]
    scale = 1 + change.abs() + advection.abs() + (rows[0] + rows[1]).abs()
    assert torch.all(residual.detach().abs() < 1e-6 * scale.detach())


def test_velocity_is_that_of_the_probability_flow_of_the_sde(schedule: Schedule) -> None:
    exact, t = Exact(Affine(schedule), mixture()), torch.tensor(0.4)
    z, at = states(schedule, t), schedule(t)
    p, process = exact(z, t), exact.process
    flow = at.d_alpha / at.alpha * z - process.diffusion(z, t) / 2 * process.score(p, z, t)
    torch.testing.assert_close(process.velocity(p, z, t), flow)


def test_kernel_is_the_posterior_of_the_forward_process(schedule: Schedule) -> None:
    """Bayes' rule for q(z_s | x) q(z_t | z_s), on a line."""
    process, x, z = Affine(schedule), torch.tensor([0.8]), torch.tensor([-0.3])
    t, s = torch.tensor(0.7), torch.tensor(0.45)
    now, then = schedule(t), schedule(s)
    law = process.kernel(Estimate(x, (z - now.alpha * x) / now.sigma), z, t, s)
    ratio = now.alpha / then.alpha
    forward = torch.square(now.sigma) - torch.square(ratio * then.sigma)
    precision = 1 / torch.square(then.sigma) + torch.square(ratio) / forward
    mean = (then.alpha * x / torch.square(then.sigma) + ratio * z / forward) / precision
    torch.testing.assert_close(law.mean, mean)
    torch.testing.assert_close(torch.square(law.std), 1 / precision)


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_kernel_keeps_the_marginal_of_known_data(schedule: Schedule, eta: float) -> None:
    """With z_t = alpha_t x + sigma_t n, the variance of z_s given x is sigma_s^2 for every eta."""
    process, t, s = Affine(schedule), torch.tensor(0.8), torch.tensor(0.3)
    zero, one = torch.zeros(1), torch.ones(1)
    law = process.kernel(Estimate(zero, one), schedule(t).sigma * one, t, s, eta)
    torch.testing.assert_close(torch.square(law.mean) + torch.square(law.std), torch.square(schedule(s).sigma) * one)
    assert (law.std == 0) == (eta == 0)


def test_ddim_is_euler_in_the_ratio_of_noise_to_signal(schedule: Schedule) -> None:
    t, s = torch.tensor(0.8), torch.tensor(0.6)
    exact, z, now, then = Exact(Affine(schedule), mixture()), states(schedule, t), schedule(t), schedule(s)
    p = exact(z, t)
    euler = z / now.alpha + (then.sigma / then.alpha - now.sigma / now.alpha) * p.n
    law = exact.process.kernel(p, z, t, s, eta=0.0)
    torch.testing.assert_close(law.mean / then.alpha, euler)


def test_linear_part_run_backwards_composes(schedule: Schedule) -> None:
    process = Affine(schedule)
    t, u, s = (torch.tensor(v) for v in (0.9, 0.5, 0.2))
    z = torch.ones(1)
    once, first = process.reverse_linear(z, t, s), process.reverse_linear(z, t, u)
    second = process.reverse_linear(first.mean, u, s)
    grow = schedule(s).alpha / schedule(u).alpha
    torch.testing.assert_close(second.mean, once.mean)
    variance = torch.square(grow * first.std) + torch.square(second.std)
    torch.testing.assert_close(variance, torch.square(once.std))


def test_linear_part_has_the_moments_of_its_sde(schedule: Schedule) -> None:
    """Small steps of dz = f z dt + g dW, run backwards."""
    process, n = Affine(schedule), 2000
    t, s = torch.tensor(0.7), torch.tensor(0.5)
    middles = s + (t - s) * (torch.arange(n) + 0.5) / n
    at, h = schedule(middles), (t - s) / n
    growth = torch.exp(torch.flip(torch.cumsum(torch.flip(-h * at.d_alpha / at.alpha, [0]), 0), [0]))
    variance = (at.diffusion * h * torch.square(torch.exp(torch.cumsum(-h * at.d_alpha / at.alpha, 0)))).sum()
    law = process.reverse_linear(torch.ones(1), t, s)
    torch.testing.assert_close(law.mean[0], growth[0], rtol=1e-5, atol=0)
    torch.testing.assert_close(torch.square(law.std), variance, rtol=1e-3, atol=0)


def test_half_step_of_the_splitting_spreads_as_the_expanding_flow() -> None:
    """exp(B) - 1 for a variance-preserving path, B the rate integrated over the step; not 1 - exp(-B)."""
    t, s = torch.tensor(0.6), torch.tensor(0.4)
    rate = 0.1 * (t - s) + 0.5 * 19.9 * (t**2 - s**2)
    law = Affine(VP()).reverse_linear(torch.ones(1), t, s)
    torch.testing.assert_close(torch.square(law.std), torch.expm1(rate))
    torch.testing.assert_close(law.mean, torch.exp(rate / 2).reshape(1))


@pytest.mark.parametrize("solver", [S4(), Strang()], ids=repr)
def test_splitting_refuses_a_path_without_signal(solver: Solver) -> None:
    with pytest.raises(InputError, match="at the source"):
        solver.admit(Affine(Rectified()), torch.ones(1))


def test_prior_and_corruption_have_their_laws(schedule: Schedule) -> None:
    process, first = Affine(schedule), torch.tensor(0.999 if schedule.sigma(torch.ones(())) < 1e-6 else 1.0)
    like = torch.full((2, 5000), 0.7)
    prior = process.prior(like, Streams.of(0, 2), first) / schedule.sigma(first)
    assert kolmogorov_smirnov(prior, torch.special.ndtr) < 3
    t = torch.tensor([0.2, 0.8])
    draw, at = process.corrupt(like, t, Streams.of(1, 2)), schedule(t[:, None])
    assert kolmogorov_smirnov((draw.z - 0.7 * at.alpha) / at.sigma, torch.special.ndtr) < 3
    torch.testing.assert_close(draw.z, at.alpha * draw.x + at.sigma * draw.n)


def test_inputs_have_unit_variance(schedule: Schedule) -> None:
    process, t = Affine(schedule, data_std=2.0), torch.tensor([0.1, 0.5, 0.9])
    x = 2 * Streams.of(0, 3).normal(torch.empty(3, 20000))
    seen = process.inputs(process.corrupt(x, t, Streams.of(1, 3)).z, t)
    torch.testing.assert_close(seen.std(1), torch.ones(3), rtol=0.03, atol=0)


def test_times_of_samples_spread_over_their_elements(schedule: Schedule) -> None:
    process, t = Affine(schedule), torch.tensor([0.3, 0.6])
    z = torch.ones(2, 3)
    p = Estimate(z, 2 * z)
    for both, single in (
        (process.velocity(p, z, t), lambda i: process.velocity(Estimate(z[i], 2 * z[i]), z[i], t[i])),
        (
            process.kernel(p, z, t, t / 2).mean,
            lambda i: process.kernel(Estimate(z[i], 2 * z[i]), z[i], t[i], t[i] / 2).mean,
        ),
    ):
        assert_same(both, torch.stack([single(0), single(1)]), rtol=1e-12)


def test_gaussian_kernel_is_a_gaussian(schedule: Schedule) -> None:
    process, t, s = Affine(schedule), torch.tensor(0.7), torch.tensor(0.4)
    law = process.kernel(Estimate(torch.zeros(20000, 1), torch.ones(20000, 1)), torch.ones(20000, 1), t, s)
    assert isinstance(law, Gaussian)
    assert kolmogorov_smirnov((law.sample(Streams.of(3, 20000)) - law.mean) / law.std, torch.special.ndtr) < 3
