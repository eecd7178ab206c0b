"""Laws of stochastic interpolants on a torus, and of tangents without their mean: three atoms on a circle."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from geodrift.errors import InputError
from geodrift.interpolations import BSquared, EncodingDecoding, Linear, OneSided, SinSquared, Trigonometric, Zero
from geodrift.layout import Ragged
from geodrift.processes import Interpolant, Product
from geodrift.processes.heads import Drift, Head, Mean
from geodrift.rng import Streams
from geodrift.sampling import sample, solve
from geodrift.solvers import EulerMaruyama, Solver, euler, heun
from geodrift.sources import Uniform
from geodrift.spaces import Relative, Torus
from geodrift.state import State
from geodrift.testing import Exact, Points, assert_batch_invariant, kolmogorov_smirnov

PERIOD = 2.0
ATOMS, WEIGHTS = torch.tensor([0.05, 0.8, 1.5]).double(), torch.tensor([0.2, 0.5, 0.3]).double()
SHARP = Points(ATOMS[:, None], WEIGHTS)
BLURRED = Points(ATOMS[:, None], WEIGHTS, torch.tensor([0.15, 0.1, 0.2]).double())
WAYS = {"sin": Linear(SinSquared(0.2)), "b-squared": Linear(BSquared()), "zero": Linear(Zero())}


def exact(way: str, law: Points = BLURRED, head: Head | None = None) -> Exact:
    source, space = Uniform(0.0, PERIOD), Torus(PERIOD)
    return Exact(Interpolant(WAYS[way], source, head=head or Drift(), space=space), law)


def gap(x: Tensor) -> Tensor:
    return Torus(PERIOD).log(ATOMS, x).abs()


def cdf(x: Tensor) -> Tensor:
    assert BLURRED.std is not None
    images = PERIOD * torch.arange(-3, 4)
    ends = [(v[..., None, None] + images - BLURRED.points) / BLURRED.std[:, None] for v in (x, torch.zeros(()))]
    return (WEIGHTS * (torch.special.ndtr(ends[0]) - torch.special.ndtr(ends[1])).sum(-1)).sum(-1)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("time", [0.1, 0.4, 0.9])
def test_density_moves_with_the_drift_and_the_score_is_its_slope(way: str, time: float) -> None:
    oracle, t, h = exact(way), torch.tensor(time), 1e-5
    z = torch.linspace(0.01, PERIOD - 0.01, 31)[:, None].requires_grad_()
    p = oracle(z, t)
    (divergence,) = torch.autograd.grad(p.velocity.sum(), z, retain_graph=True)
    (slope,) = torch.autograd.grad(oracle.log_prob(z, t).sum(), z)
    change = (oracle.log_prob(z, t + h) - oracle.log_prob(z, t - h))[:, None] / (2 * h)
    residual = (change + p.velocity * slope + divergence).detach()
    assert torch.all(residual.abs() < 1e-6 * (1 + change.abs() + divergence.abs()).detach())
    if way != "zero":
        torch.testing.assert_close(oracle.process.score(p, z, t), slope, rtol=1e-8, atol=1e-8)  # type: ignore[attr-defined]


@pytest.mark.parametrize("head", [Drift(), Mean()], ids=repr)
def test_exact_fields_are_the_conditional_means(head: Head) -> None:
    """The gradient of the loss there is uncorrelated with any function of the state."""
    oracle, n, t = exact("sin", head=head), 20_000, torch.tensor(0.35)
    process: Any = oracle.process
    draw = process.corrupt(BLURRED.sample(Streams.of(1, n), n), t, Streams.of(2, n))
    assert bool(((draw.z >= 0) & (draw.z < PERIOD)).all())
    p, at = oracle(draw.z, t), process.scales(t, draw.z)
    first = p.velocity if isinstance(head, Drift) else p.velocity - at.d_gamma * p.noise
    raw = torch.cat([first, p.noise], -1).requires_grad_()
    (gradient,) = torch.autograd.grad(process.loss(raw, draw).sum(), raw)
    for probe in (torch.ones_like(draw.z), torch.cos(torch.pi * draw.z), torch.sin(2 * torch.pi * draw.z)):
        products = gradient * probe
        assert torch.all(products.mean(0).abs() <= 3.5 * products.std(0) / n**0.5)
    said = process.resolve(raw.detach(), draw.z, t)
    for field in ("velocity", "noise", "x"):
        torch.testing.assert_close(getattr(said, field), getattr(p, field))


ROUTES: list[tuple[str, Solver, int]] = [
    ("zero", euler(), 50),
    ("sin", euler(), 50),
    ("sin", heun(), 25),
    ("sin", EulerMaruyama(scale=0.02), 50),
    ("sin", EulerMaruyama(scale=0.1), 50),
    ("b-squared", EulerMaruyama(scale=0.2), 50),
]


@pytest.mark.parametrize(("way", "solver", "steps"), ROUTES, ids=repr)
def test_three_atoms_are_sampled_by_the_flow_and_by_any_noise(way: str, solver: Solver, steps: int) -> None:
    """Weights within 0.02, whose own standard deviation is 0.008."""
    n = 4000
    x = sample(exact(way, SHARP), torch.zeros(n, 1), solver, Streams.of(0, n), steps=steps)
    shares = torch.bincount(gap(x).argmin(-1), minlength=3) / n
    torch.testing.assert_close(shares, WEIGHTS, atol=0.02, rtol=0)
    assert float(gap(x).min(-1)[0].mean()) < 0.01


@pytest.mark.parametrize("solver", [euler(), EulerMaruyama(scale=0.05)], ids=repr)
def test_laws_around_the_atoms_are_sampled(solver: Solver) -> None:
    x = sample(exact("sin"), torch.zeros(4000, 1), solver, Streams.of(1, 4000), steps=60)
    assert kolmogorov_smirnov(x, cdf) < 3


def test_noise_moves_more_than_the_flow_does() -> None:
    """From the same start, samples of the SDE spread over the atoms, and those of the flow do not."""
    start, times = torch.full((1000, 1), 1.1), torch.linspace(0.9, 0.02, 50)
    still, shaken = (
        solve(exact("sin", SHARP), start, solver, Streams.of(0, 1000), times)
        for solver in (euler(), EulerMaruyama(scale=0.2))
    )
    assert float(still.std()) < 1e-6
    assert float((gap(shaken).argmin(-1) != gap(still).argmin(-1)).double().mean()) > 0.05


def test_ways_across_the_seam_are_short() -> None:
    process = Interpolant(Linear(Zero()), Uniform(), space=Torus(PERIOD))
    x, n = torch.tensor([[0.1], [1.9]]), torch.tensor([[1.9], [0.1]])
    draw = process.corrupt(x, torch.tensor(0.25), Streams.of(0, 2), n)
    torch.testing.assert_close(draw.z, torch.tensor([[0.05], [1.95]]))
    assert float(process.loss(torch.tensor([[-0.2, 0.0], [0.2, 0.0]]), draw).sum()) == pytest.approx(-0.04)
    p = process.resolve(torch.tensor([[-0.2, 0.0], [0.2, 0.0]]), draw.z, torch.tensor(0.25))
    torch.testing.assert_close(process.finish(p, draw.z, Streams.of(0, 2)), x)
    base = process.resolve(torch.zeros(2, 2), draw.z, torch.tensor(0.25))
    torch.testing.assert_close(p.extrapolate(base, 2.0).x - draw.z, 2 * (p.x - draw.z))
    moved = process.corrupt(x + 0.7, torch.tensor(0.25), Streams.of(0, 2), n + 0.7)
    torch.testing.assert_close(moved.z, Torus(PERIOD).project(draw.z + 0.7))


@pytest.mark.parametrize("way", [Trigonometric(), EncodingDecoding(), OneSided()], ids=repr)
def test_ways_that_scale_points_are_refused(way: Any) -> None:
    with pytest.raises(InputError, match="does not allow; choose linear"):
        Interpolant(way, space=Torus())


def test_a_sample_depends_on_its_seed_and_index_alone() -> None:
    oracle = exact("sin")

    def draw(index: Tensor) -> Tensor:
        made: Tensor = sample(oracle, torch.zeros(len(index), 1), EulerMaruyama(0.1), Streams.of(3, index), steps=6)
        return made

    assert_batch_invariant(draw, 5)


def test_what_a_network_says_of_the_centre_is_nothing() -> None:
    """Neither the loss nor the prediction sees a shift of all that a network answers about a crystal."""
    process = Product({"x": Interpolant(Linear(SinSquared(0.2)), Uniform(0, PERIOD), space=Relative(PERIOD))})
    layout = Ragged.of(torch.tensor([3, 1, 2]))
    x = State({"x": torch.rand(6, 3, generator=torch.Generator().manual_seed(0))}, {"x": layout})
    draw, raw = process.corrupt(x, torch.tensor([0.2, 0.5, 0.9]), Streams.of(0, 3)), torch.linspace(-1, 1, 36).cos()
    raw = raw.reshape(6, 6)
    shifted = raw + layout.index[:, None]
    losses = [process.loss(State({"x": answer}, x.layouts), draw)["x"] for answer in (raw, shifted)]
    torch.testing.assert_close(*losses)
    p = process.resolve(State({"x": raw}, x.layouts), draw.z, draw.t["x"][[0, 3, 4]])["x"]
    for field in (p.velocity, p.noise):
        torch.testing.assert_close(layout.average(field), torch.zeros(6, 3))
