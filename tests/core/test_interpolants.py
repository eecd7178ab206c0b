"""Laws of stochastic interpolants, on exact fields between two mixtures."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from geodrift.interpolations import (
    BSquared,
    EncodingDecoding,
    Interpolation,
    Linear,
    OneSided,
    Trigonometric,
    Zero,
    interpolations,
    latents,
)
from geodrift.processes import Interpolant
from geodrift.processes.heads import Drift, Head, Mean
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.schedules import Cosine
from geodrift.solvers import EulerMaruyama, Solver, heun
from geodrift.solvers.grids import Power
from geodrift.sources import Empirical
from geodrift.testing import ExactTransport, Points, kolmogorov_smirnov

DATA = Points(
    torch.tensor([[-1.0], [2.0]]).double(), torch.tensor([0.3, 0.7]).double(), torch.tensor([0.5, 0.3]).double()
)
SOURCE = Points(
    torch.tensor([[-3.0], [3.0]]).double(), torch.tensor([0.5, 0.5]).double(), torch.tensor([0.4, 0.6]).double()
)
WAYS: dict[str, Interpolation] = {
    "linear": Linear(),
    "linear-b-squared": Linear(BSquared()),
    "linear-zero": Linear(Zero()),
    "trigonometric": Trigonometric(),
    "trigonometric-zero": Trigonometric(Zero()),
    "encoding-decoding": EncodingDecoding(),
    "one-sided": OneSided(),
    "one-sided-cosine": OneSided(Cosine()),
}
LATENT = [name for name, way in WAYS.items() if way.noisy]
TIMES = (0.15, 0.4, 0.8)


class Stored(Empirical):
    """Fresh draws of the source law."""

    def __init__(self) -> None:
        super().__init__(SOURCE.sample(Streams.of(77, 200_000), 200_000))


def exact(name: str, head: Head | None = None) -> ExactTransport:
    way = WAYS[name]
    process = (
        Interpolant(way, head=head or Drift()) if way.one_sided else Interpolant(way, Stored(), head=head or Drift())
    )
    return ExactTransport(process, DATA, None if way.one_sided else SOURCE)


def cdf(law: Points) -> Any:
    assert law.std is not None
    std = law.std
    return lambda v: (law.weights * torch.special.ndtr((v[:, None] - law.points[:, 0]) / std)).sum(1)


def states(oracle: ExactTransport, t: float, n: int) -> Any:
    return oracle.process.corrupt(DATA.sample(Streams.of(1, n), n), torch.tensor(t), Streams.of(2, n))


@pytest.mark.parametrize("kind", interpolations.kinds)
@pytest.mark.parametrize("latent", latents.kinds)
def test_a_way_leads_from_the_data_to_the_source(kind: str, latent: str) -> None:
    spec: dict[str, Any] = {"kind": kind} if kind == "one-sided" else {"kind": kind, "latent": latent}
    way = interpolations.build(spec)
    ends = torch.tensor([0.0, 1.0])
    torch.testing.assert_close(way.a(ends), torch.tensor([1.0, 0.0]), atol=1e-12, rtol=0)
    last = way.gamma(ends) if way.one_sided else way.b(ends)
    torch.testing.assert_close(last, torch.tensor([0.0, 1.0]), atol=1e-12, rtol=0)
    if not way.one_sided:
        torch.testing.assert_close(way.gamma(ends), torch.zeros(2), atol=1e-12, rtol=0)
        assert way.noisy == bool(way.gamma(torch.tensor(0.3)) > 0)
    if kind == "trigonometric":
        t = torch.linspace(0, 1, 11)
        torch.testing.assert_close(way.a(t) ** 2 + way.b(t) ** 2 + way.gamma(t) ** 2, torch.ones(11))


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("time", TIMES)
def test_density_moves_with_the_drift(name: str, time: float) -> None:
    """The continuity equation, divided by the density; and the score is the gradient of its logarithm."""
    oracle, t, h = exact(name), torch.tensor(time), 1e-5
    z = states(oracle, time, 40).z.requires_grad_()
    p = oracle(z, t)
    velocity = oracle.process.velocity(p, z, t)
    divergence = torch.autograd.grad(velocity.sum(), z, retain_graph=True)[0][:, 0]
    gradient = torch.autograd.grad(oracle.log_prob(z, t).sum(), z)[0]
    change = (oracle.log_prob(z, t + h) - oracle.log_prob(z, t - h)) / (2 * h)
    advection = (velocity * gradient)[:, 0]
    scale = 1 + change.abs() + advection.abs() + divergence.abs()
    assert torch.all(((change + advection + divergence) / scale).detach().abs() < 1e-6)
    if oracle.process.scored:
        torch.testing.assert_close(oracle.process.score(p, z, t), gradient, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("head", [Drift(), Mean()], ids=repr)
def test_exact_fields_are_the_conditional_means(name: str, head: Head) -> None:
    """The gradient of the loss there is uncorrelated with any function of the state; what they resolve to is exact."""
    oracle, n, t = exact(name, head), 20_000, torch.tensor(0.35)
    draw = states(oracle, 0.35, n)
    p, at = oracle(draw.z, t), oracle.process.scales(t, draw.z)
    mean = p.velocity - at.d_gamma * p.noise
    raw = torch.cat([p.velocity if isinstance(head, Drift) else mean, p.noise], -1).requires_grad_()
    (gradient,) = torch.autograd.grad(oracle.process.loss(raw, draw).sum(), raw)
    for probe in (torch.ones_like(draw.z), draw.z, torch.tanh(2 * draw.z)):
        products = gradient * probe
        assert torch.all(products.mean(0).abs() <= 3.5 * products.std(0) / n**0.5 + 1e-12)
    said = oracle.process.resolve(raw.detach(), draw.z, t)
    for field in ("velocity", "noise", "x"):
        torch.testing.assert_close(getattr(said, field), getattr(p, field))


def test_expected_data_are_exact_on_straight_ways() -> None:
    """E[x | z] of a linear way, against the mean in a bin of draws."""
    oracle, n = exact("linear"), 200_000
    draw = states(oracle, 0.3, n)
    near = (draw.z[:, 0] - 1.0).abs() < 0.05
    found = float(draw.x[near].mean())
    assert found == pytest.approx(float(oracle(torch.tensor([[1.0]]), 0.3).x), abs=0.03)


CELLS = [(name, scale) for name in ("linear", "linear-b-squared", "linear-zero") for scale in (0.0, 0.5, 2.0)]


@pytest.mark.parametrize(("name", "scale"), [cell for cell in CELLS if "zero" not in cell[0] or not cell[1]])
def test_samples_have_the_law_of_the_data_at_any_epsilon(name: str, scale: float) -> None:
    n = 20_000
    solver: Solver = EulerMaruyama(scale=scale) if scale else heun()
    steps = 200 // solver.stages
    x = sample(
        exact(name), torch.zeros(n, 1), solver, Streams.of(0, n), steps=steps, grid=Power(exponent=1.5, first=0.9999)
    )
    assert kolmogorov_smirnov(x, cdf(DATA)) * 0.65 / n**0.5 < 0.012
