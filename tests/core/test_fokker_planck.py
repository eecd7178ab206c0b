"""Laws of the Fokker–Planck residual, on exact and on wrong scores, in closed forms."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from geodrift.diagnostics.differentials import differentiable, push
from geodrift.diagnostics.fokker_planck import density_residual, likelihood_gap, score_residual
from geodrift.diagnostics.traces import ExactTrace, Hutchinson
from geodrift.parametrization import Linear, Velocity
from geodrift.prediction import Estimate
from geodrift.processes import Affine, Product
from geodrift.rng import Streams
from geodrift.schedules import VP, Rectified, Schedule
from geodrift.solvers import EulerMaruyama, rk4
from geodrift.state import State
from geodrift.testing import Exact, Mixture, Moments, Points, propagate

RNG = Streams.of(9, 12)


def mixture() -> Points:
    means = torch.tensor([[1.0, -1.0, 0.3], [-1.2, 0.8, 0.0]])
    return Points(means, torch.tensor([0.3, 0.7]), torch.tensor([0.45, 0.6]))


def states(exact: Exact, t: Tensor) -> Any:
    n = len(t)
    return exact.process.corrupt(exact.law.sample(Streams.of(1, n), n), t, Streams.of(2, n)).z


class Scaled:
    """An exact denoiser whose score is a multiple of the true one, and its log-density too."""

    def __init__(self, exact: Exact, factor: float) -> None:
        self.exact, self.factor, self.process = exact, factor, exact.process

    def __call__(self, z: Any, t: Any, cond: Any = None) -> Estimate:
        n, at = self.factor * self.exact(z, t).n, self.process.at(torch.as_tensor(t), z)
        return Estimate((z - at.sigma * n) / at.alpha, n)

    def log_prob(self, z: Any, t: Any, cond: Any = None) -> Tensor:
        return self.factor * self.exact.log_prob(z, t)


class Relay:
    """An exact denoiser that speaks through a row, as a network would."""

    def __init__(self, exact: Exact, row: Linear) -> None:
        self.exact, self.row, self.process = exact, row, exact.process

    def __call__(self, z: Tensor, t: Tensor, cond: Any = None) -> Any:
        p, at = self.exact(z, t), self.process.at(t, z)
        return self.process.resolve(self.row.row(at).of(p.x, p.n), z, t)


def speed(exact: Exact, z: Tensor, time: Tensor) -> Tensor:
    """The rate of change of the score: what the residual is relative to."""
    with differentiable():
        t = time.clone().requires_grad_()
        return push(exact.score(z, t), t, torch.ones_like(t)).detach().norm(dim=1)


@pytest.mark.parametrize("time", [0.15, 0.5, 0.9])
def test_an_exact_score_has_no_residual(path: Schedule, time: float) -> None:
    exact, t = Exact(Affine(path), mixture()), torch.full((12,), time)
    z = states(exact, t)
    for denoise in (exact, Relay(exact, Velocity())):
        residual = score_residual(denoise, z, t, RNG).detach()
        assert torch.all(residual.norm(dim=1) < 1e-10 * speed(exact, z, t))
    assert torch.all(density_residual(exact, z, t, RNG).detach().abs() < 1e-10 * (1 + speed(exact, z, t)))


def test_a_wrong_score_has_a_large_one(path: Schedule) -> None:
    exact, t = Exact(Affine(path), mixture()), torch.full((12,), 0.4)
    z = states(exact, t)
    wrong = score_residual(Scaled(exact, 1.1), z, t, RNG).detach()
    assert float((wrong.norm(dim=1) / speed(exact, z, t)).mean()) > 0.02
    # s and div s are scaled by 1.1, |s|^2 by 1.21: only the last does not cancel.
    with differentiable():
        v = z.clone().requires_grad_()
        square = torch.square(exact.score(v, t)).sum()
        slope = torch.autograd.grad(square, v)[0]
    expected = -(1.1**2 - 1.1) * exact.process.diffusion(z, t) / 2 * slope
    torch.testing.assert_close(wrong, expected, rtol=1e-8, atol=1e-8 * float(speed(exact, z, t).max()))


def test_fields_of_a_system_have_one_residual() -> None:
    """Two schedules, one density: the residual of each field needs the divergence over both."""
    a, b = torch.tensor([[1.0, -0.5], [-1.0, 0.2]]), torch.tensor([[0.4], [-0.8]])
    root = torch.randn(2, 3, 3, generator=torch.Generator().manual_seed(0)) * 0.4
    law = Mixture(State({"a": a, "b": b}), torch.tensor([0.4, 0.6]), root @ root.mT + 0.05 * torch.eye(3))
    exact, t = Exact(Product({"a": Affine(VP()), "b": Affine(Rectified())}), law), torch.linspace(0.2, 0.8, 12)
    z = states(exact, t)
    residual = score_residual(exact, z, t, RNG)
    assert {name: v.shape for name, v in residual.items()} == {"a": (12, 2), "b": (12, 1)}
    for error in residual.values():
        assert float(error.detach().abs().max()) < 1e-9
    assert float(density_residual(exact, z, t, RNG).detach().abs().max()) < 1e-9


def test_probes_estimate_the_residual_without_bias() -> None:
    exact, t = Exact(Affine(VP()), mixture()), torch.full((1,), 0.3)
    wrong, z = Scaled(exact, 1.2), states(exact, t).expand(4000, -1).clone()
    true = density_residual(wrong, z[:1], t, RNG).detach()
    found = density_residual(wrong, z, t.expand(4000), Streams.of(0, 4000), Hutchinson()).detach()
    assert float((found.mean() - true).abs()) < 4 * float(found.std()) / math.sqrt(4000)
    assert float(found.std()) > 0
    several = density_residual(wrong, z, t.expand(4000), Streams.of(0, 4000), Hutchinson(4)).detach()
    assert float(several.std()) == pytest.approx(float(found.std()) / 2, rel=0.1)


def test_the_residual_is_the_mismatch_of_likelihoods() -> None:
    """Along the model's own flow: log q_0 - phi_0 = log q_T - phi_T minus the integral of R, towards the data."""
    exact, times = Exact(Affine(VP()), mixture()), torch.linspace(0.9, 0.1, 41)
    wrong, z = Scaled(exact, 1.2), states(exact, torch.full((6,), 0.9))
    gap = likelihood_gap(wrong, z, times, Streams.of(0, 6))
    end, log_q = carried(wrong, z, times)
    mismatch = log_q + wrong.log_prob(z, times[0]) - wrong.log_prob(end, times[-1])
    torch.testing.assert_close(gap, mismatch, rtol=0, atol=1e-4)
    assert float(gap.abs().min()) > 1e-2
    assert float(likelihood_gap(exact, z, times, Streams.of(0, 6)).abs().max()) < 1e-9


def carried(denoise: Any, z: Tensor, times: Tensor) -> tuple[Tensor, Tensor]:
    """Where the flow ends, and the log-density it gains, by augmenting the state with its volume."""

    def rates(v: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            v = v.detach().requires_grad_()
            u = denoise.process.velocity(denoise(v, t), v, t)
            return u.detach(), -ExactTrace()(u, v, RNG).detach()

    change = torch.zeros(len(z))
    for t, s in pairwise(times):
        h = s - t
        k1, d1 = rates(z, t)
        k2, d2 = rates(z + h / 2 * k1, t + h / 2)
        k3, d3 = rates(z + h / 2 * k2, t + h / 2)
        k4, d4 = rates(z + h * k3, s)
        z, change = z + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4), change + h / 6 * (d1 + 2 * d2 + 2 * d3 + d4)
    return z, change


class Steep:
    """The score -(1 + d) z at every time, of data N(0, 1) whose score is -z."""

    def __init__(self, d: float, beta: float) -> None:
        self.d, self.process = d, Affine(VP(beta, beta))

    def __call__(self, z: Tensor, t: Any, cond: Any = None) -> Estimate:
        at = self.process.at(torch.as_tensor(t), z)
        n = at.sigma * (1 + self.d) * z
        return Estimate((z - at.sigma * n) / at.alpha, n)


@pytest.mark.parametrize("d", [0.1, 0.3])
def test_a_steep_score_parts_the_sde_from_the_ode(d: float) -> None:
    """Closed forms of both variances; the residual is -beta d (1 + d) z."""
    beta, times = 20.0, torch.linspace(1.0, 0.0, 2001)[:-1]
    steep, start = Steep(d, beta), Moments(torch.zeros(1), torch.ones(1))
    flow = propagate(rk4(), steep, start, times[::20], 0).variance
    noisy = propagate(EulerMaruyama(), steep, start, times[::4], 1).variance
    at = float(1 - times[-20]), float(1 - times[-4])
    settled = 1 / (1 + 2 * d)
    assert float(flow) == pytest.approx(math.exp(-beta * d * at[0]), rel=1e-4)
    assert float(noisy) == pytest.approx(settled + (1 - settled) * math.exp(-beta * (1 + 2 * d)), rel=0.03)
    z = torch.linspace(-2, 2, 12)[:, None]
    residual = score_residual(steep, z, 0.5, RNG).detach()
    torch.testing.assert_close(residual, -beta * d * (1 + d) * z)
