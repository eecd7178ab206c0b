"""Laws of the exponential integrators: what they are equal to, where they start, what they refuse."""

from __future__ import annotations

import math
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from torch import Tensor

from geodrift.errors import InputError
from geodrift.processes import Affine, Jump, Product
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.schedules import OU, VP, Cosine, Rectified, Schedule
from geodrift.solvers import Ancestral, Multistep, Solver, euler, solvers
from geodrift.solvers.exponential import Data, Noise
from geodrift.solvers.exponential.quadrature import central, lagrange, moments, weights
from geodrift.solvers.grids import LogSNR
from geodrift.sources import Source
from geodrift.state import State
from geodrift.testing import Exact, Points, run

KINDS = [kind for kind in solvers.kinds if "dpm" in kind or kind.startswith(("unipc", "ab"))]
ODE = [kind for kind in KINDS if "sde" not in kind and kind[-2:] not in ("12", "23")]


def mixture() -> Points:
    return Points(torch.tensor([[-1.0], [1.2]]), torch.tensor([0.35, 0.65]), torch.tensor([0.4, 0.3]))


def steps(path: Schedule, first: float, last: float, count: int) -> Tensor:
    ends = path.log_snr(torch.tensor([first, last]))
    return path.time(torch.linspace(float(ends[0]), float(ends[1]), count + 1))


@pytest.mark.parametrize("y", [-30.0, -1.0, -0.999, -1e-4, 1e-9, 1e-3, 0.5, 0.999, 1.0, 3.0, 40.0])
def test_moments_are_the_integrals(y: float) -> None:
    for p, found in enumerate(moments(np.float64(y), 4)):
        exact = y * quad(lambda u, p=p: math.exp(-y * (1 - u)) * u**p, 0, 1, epsabs=0, epsrel=1e-12)[0]
        assert found == pytest.approx(exact, rel=1e-11)


def test_moments_of_many_are_those_of_each() -> None:
    y = np.array([[-2.0], [-0.3], [0.2], [5.0]])
    for many, *each in zip(moments(y, 4), *(moments(v, 4) for v in y[:, 0]), strict=True):
        np.testing.assert_allclose(many[:, 0], each, rtol=1e-14)


@pytest.mark.parametrize("nodes", [[0.0], [0.0, -0.7], [0.0, -0.7, -1.9], [0.0, 0.5, 2 / 3, 1.0]])
def test_basis_is_one_at_its_node_and_zero_at_the_others(nodes: list[float]) -> None:
    values = [[float(np.polyval(basis[::-1], u)) for u in nodes] for basis in lagrange(nodes)]
    np.testing.assert_allclose(values, np.eye(len(nodes)), atol=1e-13)


def test_weights_are_finite_from_and_beside_infinity() -> None:
    """A step that comes from no signal takes the last prediction; a node infinitely far away counts for nothing."""
    assert weights(moments(np.inf, 1), [0.0]) == [1.0]
    at = np.float64(0.7)
    np.testing.assert_allclose(weights(moments(at, 2), [0.0, -np.inf]), [*moments(at, 1), 0.0])
    near, far = (weights(moments(at, 3), [0.0, -0.5, u]) for u in (-1e9, -np.inf))
    np.testing.assert_allclose(near, far, atol=1e-8)


def test_the_published_rule_takes_the_middle_of_a_line() -> None:
    """DPM-Solver++(2M): M_0 (q + D / 2) with D = (q_0 - q_1) / r; three nodes are integrated."""
    y, r = np.float64(0.7), 1.3
    found = weights(central(partial(moments, y), 2), [0.0, -r])
    np.testing.assert_allclose(found, -np.expm1(-y) * np.array([1 + 0.5 / r, -0.5 / r]))
    assert central(partial(moments, y), 3) == moments(y, 3)


def test_the_straight_form_is_adams_and_bashforth() -> None:
    """On the rectified path, with equal steps: Euler, then 3/2 and -1/2 of the velocities; from the very source."""
    exact, z, times = (
        Exact(Affine(Rectified()), mixture()),
        torch.linspace(-2, 2, 9)[:, None],
        torch.linspace(1, 0.2, 5),
    )
    found = run(solvers.build("ab-2"), exact, z, times, Streams.of(0, 9))
    before: Tensor | None = None
    for t, s in pairwise(times):
        v = exact.process.velocity(exact(z, t), z, t)
        z, before = z + (s - t) * (v if before is None else 1.5 * v - 0.5 * before), v
    torch.testing.assert_close(found, z, rtol=1e-12, atol=1e-12)


def test_order_one_is_the_deterministic_ancestral_step(path: Schedule) -> None:
    exact, streams = Exact(Affine(path), mixture()), Streams.of(0, 9)
    times, z = steps(path, 0.9, 0.2, 7), torch.linspace(-2, 2, 9)[:, None]
    methods = [Ancestral(0.0), solvers.build("dpm-1"), solvers.build("dpm++-1")]
    ends = [run(solver, exact, z, times, streams) for solver in methods]
    torch.testing.assert_close(ends[1], ends[0], rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(ends[2], ends[0], rtol=1e-11, atol=1e-11)


def test_order_one_is_eulers_method_in_the_noise_level(path: Schedule) -> None:
    """:math:`d(z / \\alpha) / d(\\sigma / \\alpha) = \\hat n`; on the straight line it is Euler's method in time."""
    exact, z, (t, s) = Exact(Affine(path), mixture()), torch.linspace(-2, 2, 9)[:, None], torch.tensor([0.7, 0.4])
    now, then = path(t), path(s)
    level = then.sigma / then.alpha - now.sigma / now.alpha
    expected = then.alpha * (z / now.alpha + level * exact(z, t).n)
    found = run(solvers.build("dpm++-1"), exact, z, torch.stack([t, s]), Streams.of(0, 9))
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)
    if isinstance(path, Rectified):
        straight = run(euler(), exact, z, torch.stack([t, s]), Streams.of(0, 9))
        torch.testing.assert_close(found, straight, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("eta", [0.5, 1.0])
def test_the_first_sde_step_is_the_ancestral_one(path: Schedule, eta: float) -> None:
    """For the time reversal, by the data; both forms of any noise have the same mean and noise for small steps."""
    exact, z, times = Exact(Affine(path), mixture()), torch.linspace(-2, 2, 9)[:, None], torch.tensor([0.7, 0.6999])

    def end(solver: Solver) -> Tensor:
        moved: Tensor = run(solver, exact, z, times, Streams.of(3, 9))
        return moved

    data, noise = end(Multistep(Data(eta), 1)), end(Multistep(Noise(eta), 1))
    torch.testing.assert_close(data, noise, rtol=1e-2, atol=2e-3)
    if eta == 1:
        torch.testing.assert_close(data, end(Ancestral(1.0)), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith("sde")])
def test_all_noise_is_scaled(kind: str, path: Schedule) -> None:
    """The denoiser of a Gaussian is linear, and so is the end in the noise that was drawn."""
    law, times = Points(torch.tensor([[0.3]]), torch.ones(1), torch.tensor([0.5])), steps(path, 0.9, 0.1, 8)

    def end(noise: float) -> Tensor:
        solver, z = solvers.build({"kind": kind, "noise": noise}), torch.linspace(-2, 2, 50)[:, None]
        moved: Tensor = run(solver, Exact(Affine(path), law), z, times, Streams.of(1, 50))
        return moved

    still, one = end(0.0), end(1.0)
    assert float((one - still).std()) > 0.1
    torch.testing.assert_close(end(1.2), still + 1.2 * (one - still), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", ODE)
def test_a_gaussian_goes_to_its_exact_image(kind: str, path: Schedule) -> None:
    """The flow keeps the standardised coordinate; 64 steps of order two or more leave less than 2e-3 of it."""
    law, u = Points(torch.tensor([[0.7]]), torch.ones(1), torch.tensor([0.5])), torch.linspace(-2, 2, 9)[:, None]
    times = steps(path, 0.8, 0.2, 64)
    (m0, v0), (m1, v1) = (
        (at.alpha * 0.7, torch.hypot(at.alpha * 0.5, at.sigma)) for at in (path(times[0]), path(times[-1]))
    )
    found = run(solvers.build(kind), Exact(Affine(path), law), m0 + u * v0, times, Streams.of(0, 9))
    error = ((found - m1) / v1 - u).abs().max()
    assert error < (0.05 if kind.endswith("-1") else 2e-3)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "++" in kind or kind.startswith(("unipc", "ab"))])
@pytest.mark.parametrize("schedule", [Rectified(), Cosine()], ids=repr)
def test_the_data_form_starts_without_signal(kind: str, schedule: Schedule) -> None:
    solver, n = solvers.build(kind), 3000
    exact = Exact(Affine(schedule), mixture())
    if kind.endswith(("12", "23")):
        return  # refused, see test_adaptive
    count = 96 if kind.endswith("-1") else 24
    x = sample(exact, torch.zeros(n, 1), solver, Streams.of(0, n), steps=count, grid=LogSNR())
    assert torch.isfinite(x).all()
    assert abs(float((x > 0).double().mean()) - 0.65) < 0.03
    assert abs(float(x.mean()) - (0.65 * 1.2 - 0.35)) < 0.06


class Flat(Source):
    """Another source than a normal one."""

    def sample(self, like: Tensor, rng: Streams) -> Tensor:
        return 2 * rng.uniform(like).to(like) - 1


REFUSED = [
    ("dpm-2m", Affine(Rectified()), 1.0, "first = 0.999"),
    ("dpm-3s", Affine(Cosine()), 1.0, "first = 0.999"),
    ("sde-dpm++-2m", Affine(Rectified(), source=Flat()), 1.0, "normal noise"),
    ("dpm++-2m", Jump.masked(3), 1.0, "no|none"),
    ("unipc-2", Product({"a": Jump.masked(3)}), 1.0, "none"),
]


@pytest.mark.parametrize(("kind", "process", "first", "words"), REFUSED)
def test_what_it_cannot_move_it_refuses(kind: str, process: Any, first: float, words: str) -> None:
    with pytest.raises(InputError, match=words):
        solvers.build(kind).admit(process, torch.tensor([first, 0.5]))


def test_the_noise_form_starts_below_one() -> None:
    exact, n = Exact(Affine(Rectified()), mixture()), 3000
    with pytest.raises(InputError, match="below one"):
        sample(exact, torch.zeros(4, 1), solvers.build("dpm-2m"), Streams.of(0, 4), steps=24)
    x = sample(exact, torch.zeros(n, 1), solvers.build("dpm-2m"), Streams.of(0, n), steps=24, grid=LogSNR(first=0.999))
    assert abs(float((x > 0).double().mean()) - 0.65) < 0.03


@pytest.mark.parametrize("kind", ["dpm++-3m", "dpm++-3s", "unipc-3", "dpm-2s"])
def test_fields_with_schedules_of_their_own_move_as_each_alone(kind: str) -> None:
    """Independent fields; the stages of a field are where the clock of the first one says, on its own schedule."""
    solver: Solver = solvers.build(kind)
    one = Points(torch.tensor([[-1.0]]), torch.ones(1), torch.tensor([0.4]))
    process = Product({"a": Affine(VP()), "b": Affine(OU(3.0, 0.7)), "c": Jump.masked(2)})
    joint = Points(
        State({"a": one.points, "b": one.points, "c": torch.zeros(1, 2, dtype=torch.int64)}), one.weights, one.std
    )
    times, streams = steps(VP(), 0.9, 0.2, 6), Streams.of(0, 9)
    a, b = torch.linspace(-2, 2, 9)[:, None], torch.linspace(-1, 2, 9)[:, None]
    z = State({"a": a, "b": b, "c": torch.full((9, 2), 2)})
    together = run(solver, Exact(process, joint), z, times, streams)
    alone = run(solver, Exact(Affine(VP()), one), z["a"], times, streams)
    torch.testing.assert_close(together["a"], alone, rtol=1e-12, atol=1e-12)
    if solver.stages == 1:
        alone = run(solver, Exact(Affine(OU(3.0, 0.7)), one), z["b"], times, streams)
        torch.testing.assert_close(together["b"], alone, rtol=1e-12, atol=1e-12)
    assert set(together["c"].unique().tolist()) <= {0, 2}, "classes are revealed or still masked"
    assert (together["c"] == 0).any()
