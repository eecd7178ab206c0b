"""What solvers and objectives do with stochastic interpolants."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from geodrift.denoiser import Denoiser
from geodrift.errors import InputError
from geodrift.interpolations import BSquared, Linear, Mirror, OneSided, Zero
from geodrift.layout import Padded
from geodrift.objectives import Antithetic, Matching
from geodrift.objectives.times import Uniform
from geodrift.processes import Affine, Interpolant, Jump, Product, Transport
from geodrift.processes.heads import Drift, Mean
from geodrift.processes.interpolant import suggest_eps
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.schedules import Cosine, Rectified, Schedule
from geodrift.solvers import S4, Ancestral, EulerMaruyama, PredictorCorrector, Solver, Strang, euler, heun
from geodrift.sources import Empirical
from geodrift.state import State
from geodrift.testing import Exact, ExactTransport, Points, assert_batch_invariant, kolmogorov_smirnov, run


def law(points: list[float], weights: list[float], std: list[float]) -> Points:
    return Points(*(torch.tensor(v, dtype=torch.float64) for v in ([[x] for x in points], weights, std)))


DATA, SOURCE = law([-1.0, 2.0], [0.3, 0.7], [0.5, 0.3]), law([-3.0, 3.0], [0.5, 0.5], [0.4, 0.6])
INSIDE = Uniform(1e-3, 0.999)


def cdf(of: Points) -> Any:
    return lambda v: (of.weights * torch.special.ndtr((v[:, None] - of.points[:, 0]) / of.std)).sum(1)


@pytest.mark.parametrize("scale", [0.0, 0.5, 2.0])
def test_time_runs_forward_too(scale: float) -> None:
    """From the data to the source, by the ODE and the forward SDE."""
    n, oracle = 10_000, ExactTransport(Interpolant(Linear(BSquared()), Empirical(SOURCE.points)), DATA, SOURCE)
    z = DATA.sample(Streams.of(1, n), n)
    end = run(EulerMaruyama(scale=scale) if scale else heun(), oracle, z, torch.linspace(0, 1, 201), Streams.of(2, n))
    assert kolmogorov_smirnov(end, cdf(SOURCE)) < 3


@pytest.mark.parametrize("schedule", [Rectified(), Cosine()], ids=repr)
def test_a_one_sided_interpolant_is_the_affine_path(schedule: Schedule) -> None:
    one, other = ExactTransport(Interpolant(OneSided(schedule)), DATA), Exact(Affine(schedule), DATA)
    z, t = torch.linspace(-3, 3, 13)[:, None], torch.tensor(0.4)
    p, q = one(z, t), other(z, t)
    for ask in ("velocity", "score"):
        torch.testing.assert_close(getattr(one.process, ask)(p, z, t), getattr(other.process, ask)(q, z, t))
    draws = [part.corrupt(z, t, Streams.of(3, 13)).z for part in (one.process, other.process)]
    torch.testing.assert_close(*draws)
    inner = [run(heun(), exact, z, torch.linspace(0.9, 0.1, 9), Streams.of(0, 13)) for exact in (one, other)]
    torch.testing.assert_close(*inner, rtol=1e-12, atol=1e-12)
    if isinstance(schedule, Rectified):
        whole = [sample(exact, z, heun(), Streams.of(0, 13), steps=9) for exact in (one, other)]
        torch.testing.assert_close(*whole, rtol=1e-12, atol=1e-12)


class Reflection:
    """The exact denoiser of a mirror, `z = x + gamma n`."""

    def __init__(self, source: Points) -> None:
        self.process, self.law = (
            Interpolant(Mirror(BSquared()), Empirical(source.sample(Streams.of(9, 50_000), 50_000))),
            source,
        )

    def __call__(self, z: Tensor, t: Any, cond: Any = None) -> Transport:
        at, law = self.process.scales(torch.as_tensor(t), z), self.law
        variance = law.std**2 + at.gamma**2
        off = z - law.points[:, 0]
        r = torch.softmax(torch.log(law.weights) - off**2 / variance / 2 - torch.log(variance) / 2, -1)
        noise = (r * at.gamma / variance * off).sum(-1, keepdim=True)
        return Transport(at.d_gamma * noise, noise, z - at.gamma * noise)


def test_a_mirror_returns_the_data_and_shakes_them() -> None:
    n, oracle = 8000, Reflection(DATA)
    start = oracle.process.partner(torch.zeros(n, 1), Streams.of(0, n))
    still, shaken = (
        sample(oracle, torch.zeros(n, 1), solver, Streams.of(0, n), steps=100)
        for solver in (heun(), EulerMaruyama(scale=4.0))
    )
    torch.testing.assert_close(still, start, rtol=0, atol=1e-3)
    assert kolmogorov_smirnov(shaken, cdf(DATA)) < 3
    assert float((shaken - start).abs().mean()) > 0.3
    draw = oracle.process.corrupt(start, torch.tensor(0.4), Streams.of(1, n))
    assert kolmogorov_smirnov((draw.z - start) / 0.24, torch.special.ndtr) < 3


class Smooth(nn.Module):
    """Two fields that depend on the state."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(0.5))

    def forward(self, z: Any, t: Tensor, cond: Any) -> Any:
        if isinstance(z, State):
            return State({name: self.forward(v, t, cond) for name, v in z.items()}, z.layouts)
        return torch.cat([torch.tanh(self.weight * z), torch.sin(self.weight * z)], -1)


def gradients(objective: Matching, count: int) -> Tensor:
    """The gradient of the loss on batches of 16."""
    network = Smooth()
    denoiser = Denoiser(network, Interpolant(Linear(), Empirical(SOURCE.points)))
    found = []
    for seed in range(count):
        x = DATA.sample(Streams.of(seed, 16), 16)
        (gradient,) = torch.autograd.grad(objective(denoiser, x, {}, Streams.of(1000 + seed, 16)).total, network.weight)
        found.append(gradient)
    return torch.stack(found)


def test_antithetic_pairs_keep_the_gradient_and_calm_it_at_the_ends() -> None:
    early = Uniform(1e-6, 1e-3)  # where the velocity of a Brownian latent is in the hundreds
    plain, pairs = (gradients(kind(early), 150) for kind in (Matching, Antithetic))
    assert pairs.std() < 0.1 * plain.std()
    assert abs(plain.mean() - pairs.mean()) < 3.5 * (plain.std() ** 2 + pairs.std() ** 2).sqrt() / 150**0.5


def test_fields_of_a_state_move_as_interpolants_beside_classes() -> None:
    layout = Padded.of(torch.tensor([3, 1]))
    x = State({"a": torch.ones(2, 3, 2), "b": torch.zeros(2, 3, dtype=torch.int64)}, {"a": layout, "b": layout})
    process = Product({"a": Interpolant(Linear(BSquared())), "b": Jump.uniform(2)})
    draw = process.corrupt(x, torch.tensor([0.3, 0.6]), Streams.of(0, 2))
    other = process.mirror(draw)
    mean = (draw.z["a"] + other.z["a"]) / 2
    assert torch.all(draw.z["a"][1, 1:] == 0)
    torch.testing.assert_close(mean[0], 0.7 * x["a"][0] + 0.3 * draw.n["a"][0, :, :2])
    assert torch.equal(draw.z["b"], other.z["b"])

    class Both(Smooth):
        def forward(self, z: Any, t: Tensor, cond: Any) -> Any:
            return State({"a": super().forward(z["a"], t, cond), "b": z["b"].double()}, z.layouts)

    denoiser = Denoiser(Both(), process)
    assert torch.isfinite(Antithetic(INSIDE)(denoiser, x, {}, Streams.of(0, 2)).total)
    for solver in (heun(), EulerMaruyama(), Ancestral()):
        made = sample(denoiser, x, solver, Streams.of(0, 2), steps=4)
        assert torch.all(made["a"][1, 1:] == 0)
        assert torch.isfinite(made["a"]).all()


def test_a_sample_depends_on_its_seed_and_index_alone() -> None:
    oracle = ExactTransport(Interpolant(Linear(BSquared()), Empirical(SOURCE.points)), DATA, SOURCE)

    def draw(index: Tensor) -> Tensor:
        made: Tensor = sample(oracle, torch.zeros(len(index), 1), EulerMaruyama(), Streams.of(3, index), steps=6)
        return made

    assert_batch_invariant(draw, 5)


def test_ancestral_is_the_deterministic_step() -> None:
    oracle = ExactTransport(Interpolant(Linear(BSquared()), Empirical(SOURCE.points)), DATA, SOURCE)
    times, z = torch.linspace(0.9, 0.1, 9), torch.linspace(-3, 3, 7)[:, None]
    both = [run(solver, oracle, z, times, Streams.of(0, 7)) for solver in (Ancestral(), euler())]
    torch.testing.assert_close(*both)


def test_a_prediction_extrapolates_as_the_output_does() -> None:
    process, z, t = Interpolant(Linear(), head=Mean()), torch.ones(2, 3), torch.tensor(0.3)
    a, b = torch.sin(torch.arange(12.0).reshape(2, 6)), torch.cos(torch.arange(12.0).reshape(2, 6))
    ahead = process.resolve(a, z, t).extrapolate(process.resolve(b, z, t), 3.0)
    for field in ("velocity", "noise", "x"):
        torch.testing.assert_close(getattr(ahead, field), getattr(process.resolve(b + 3 * (a - b), z, t), field))


def test_the_suggested_epsilon_has_the_least_bound() -> None:
    b, s = 0.3, 1.7

    def bound(epsilon: float) -> float:
        return b / epsilon + epsilon * s

    best = suggest_eps(b, s)
    assert bound(best) < min(bound(0.99 * best), bound(1.01 * best))
    with pytest.raises(InputError, match="above zero"):
        suggest_eps(0.0, 1.0)


@pytest.mark.parametrize("solver", [S4(), Strang()], ids=repr)
def test_splitting_of_a_linear_sde_is_refused(solver: Solver) -> None:
    with pytest.raises(InputError, match=r"linear SDE .* choose euler-maruyama"):
        solver.admit(Interpolant(Linear(BSquared())), torch.ones(1))


@pytest.mark.parametrize("solver", [EulerMaruyama(), PredictorCorrector()], ids=repr)
def test_without_a_latent_there_is_no_score(solver: Solver) -> None:
    process = Interpolant(Linear(Zero()))
    with pytest.raises(InputError, match="needs a score"):
        solver.admit(process, torch.ones(1))
    with pytest.raises(InputError, match="no latent"):
        process.score(Transport(torch.ones(1), torch.ones(1), torch.ones(1)), torch.ones(1), torch.tensor(0.5))
    assert not Interpolant(OneSided(), Empirical(torch.ones(2, 1))).scored


def test_a_brownian_latent_bears_no_end() -> None:
    process = Interpolant(Linear())
    with pytest.raises(InputError, match=r"Brownian latent sets in at time 1; use times below, such as 0\.999"):
        heun().admit(process, torch.ones(1))
    with pytest.raises(InputError, match="Brownian latent"):
        Matching()(Denoiser(Smooth(), process), torch.zeros(4, 1), {}, Streams.of(0, 4))
    assert torch.isfinite(Matching(INSIDE)(Denoiser(Smooth(), process), torch.zeros(4, 1), {}, Streams.of(0, 4)).total)
    heun().admit(Interpolant(Linear(BSquared())), torch.ones(1))


def test_heads_agree_on_volumes_with_channels_first() -> None:
    """The two fields along the axis of the channels, wherever it is."""
    x, t = torch.zeros(2, 1, 2, 2, 2), torch.tensor(0.4)
    process = Interpolant(Linear(BSquared()), head=Drift(), axis=1)
    draw = process.corrupt(x, t, Streams.of(0, 2))
    assert draw.n.shape == (2, 2, 2, 2, 2)
    assert process.loss(torch.zeros(2, 2, 2, 2, 2), draw).shape == x.shape
    assert process.resolve(torch.zeros(2, 2, 2, 2, 2), draw.z, t).velocity.shape == x.shape
