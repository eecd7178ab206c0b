"""Rectified flow on a line, where everything is known; and re-timing."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from geodrift.couplings import Paired
from geodrift.errors import InputError
from geodrift.parametrization import Noise
from geodrift.prediction import Estimate
from geodrift.processes import Affine, Jump, Product
from geodrift.reflow import Pairs, reflow
from geodrift.retiming import Retimed
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.schedules import EDM, VE, VP, Cosine, Rectified, Schedule
from geodrift.solvers import Ancestral, EulerMaruyama, Solver, heun, midpoint
from geodrift.state import State
from geodrift.testing import Exact, Points, assert_same, kolmogorov_smirnov, run

LAW = Points(
    torch.tensor([[-2.0], [1.5]]).double(), torch.tensor([0.4, 0.6]).double(), torch.tensor([0.3, 0.5]).double()
)
OPTIMAL = 0.923  # W2^2 of the standard normal law and this one


def cdf(x: Tensor) -> Tensor:
    return 0.4 * torch.special.ndtr((x + 2) / 0.3) + 0.6 * torch.special.ndtr((x - 1.5) / 0.5)


def test_one_flow_pairs_the_quantiles() -> None:
    """On a line rectified flow is optimal transport: the end has the quantile of the start."""
    n = torch.linspace(-2.5, 2.5, 41)[:, None]
    x = run(midpoint(), Exact(Affine(Rectified()), LAW), n, torch.linspace(1, 0, 801), Streams.of(0, 41))
    torch.testing.assert_close(cdf(x), torch.special.ndtr(n), atol=1e-5, rtol=0)


class Joined:
    """The exact denoiser of pairs on a line in the same order: where the straight lines between them do not cross."""

    def __init__(self, pairs: Pairs) -> None:
        self.process = Affine(Rectified())
        order = torch.argsort(pairs.n[:, 0])
        self.x, self.n = pairs.x[order, 0].numpy(), pairs.n[order, 0].numpy()

    def __call__(self, z: Tensor, t: Any, cond: Any = None) -> Estimate:
        n = torch.as_tensor(np.interp(z.numpy(), (1 - float(t)) * self.x + float(t) * self.n, self.n))
        return Estimate((z - t * n) / (1 - t) if t < 1 else torch.as_tensor(np.interp(n.numpy(), self.n, self.x)), n)


def straightness(denoise: Any, n: Tensor) -> float:
    """The mean square, along the flow from `n`, of what its velocity misses of the line between its ends."""
    z, slopes, times, rng = n, [], torch.linspace(1, 1e-3, 201), Streams.of(0, len(n))
    for t, s in pairwise(times):
        slopes.append(denoise.process.velocity(denoise(z, t), z, t))
        z, _ = heun().step(denoise, z, t, s, None, rng)
    return float(torch.square(torch.stack(slopes) - (n - z)).mean())


def test_reflow_straightens_the_flow_and_lowers_the_cost() -> None:
    count, exact = 4000, Exact(Affine(Rectified()), LAW)
    like = torch.zeros(count, 1)
    pairs = reflow(exact, like, heun(), Streams.of(1, count), steps=200)
    assert kolmogorov_smirnov(pairs.n, torch.special.ndtr) < 3
    assert kolmogorov_smirnov(pairs.x, cdf) < 3
    free = Pairs(LAW.sample(Streams.of(2, count), count), pairs.n)
    costs = [float(torch.square(of.x - of.n).mean()) for of in (pairs, free)]
    assert costs[0] == pytest.approx(OPTIMAL, abs=0.06)
    assert costs[1] > 4
    assert straightness(exact, pairs.n[:1000]) == pytest.approx(0.874, abs=0.06)
    assert straightness(Joined(pairs), pairs.n[:1000]) < 1e-4
    distances = []
    for denoise in (exact, Joined(pairs)):
        one = sample(denoise, like, heun(), Streams.of(3, count), steps=1)
        distances.append(kolmogorov_smirnov(one, cdf) * 0.65 / count**0.5)
    assert distances[0] > 0.5
    assert distances[1] < 0.03


def test_pairs_are_those_the_sampler_makes_and_feed_the_coupling() -> None:
    exact, like = Exact(Affine(VP()), LAW), torch.zeros(5, 1)
    pairs = reflow(exact, like, heun(), Streams.of(1, 5), steps=9)
    torch.testing.assert_close(pairs.x, sample(exact, like, heun(), Streams.of(1, 5), steps=9))
    t, rng = torch.tensor(1.0), Streams.of(0, 5)
    n = Paired().pair(exact.process, pairs.x, {"source": pairs.n}, rng)
    z, at = exact.process.corrupt(pairs.x, t, rng, n).z, VP()(t)
    torch.testing.assert_close(z, at.alpha * pairs.x + at.sigma * pairs.n)
    state = State({"a": like, "b": torch.zeros(5, 1, dtype=torch.int64)})
    both = Exact(Product({"a": Affine(VP()), "b": Jump.masked(2)}), Points(state, torch.ones(5) / 5))
    with pytest.raises(InputError, match="fields a; this process moves a, b"):
        reflow(both, state, heun(), Streams.of(0, 5))


START = torch.tensor([[1.0, 0.8], [0.8, 1.0]], dtype=torch.float64)
END = torch.tensor([[2.0, -0.9], [-0.9, 0.6]], dtype=torch.float64)


class Turning:
    """The exact denoiser between two normal laws in the plane."""

    process = Affine(Rectified())

    def __call__(self, z: Tensor, t: Any, cond: Any = None) -> Estimate:
        whitened = torch.linalg.solve((1 - t) ** 2 * END + t**2 * START, z.T)
        return Estimate(((1 - t) * END @ whitened).T, (t * START @ whitened).T)


def test_in_the_plane_the_cost_falls_but_is_not_optimal() -> None:
    """The flow between normal laws is a linear map: from 4.600 to 2.033 it falls, where 1.836 is optimal."""
    turn = run(midpoint(), Turning(), torch.eye(2), torch.linspace(1, 0, 401), Streams.of(0, 2)).T
    torch.testing.assert_close(turn @ START @ turn.T, END, atol=1e-5, rtol=0)
    cost = float((START + END - 2 * turn @ START).trace())
    assert cost == pytest.approx(2.033, abs=2e-3)
    values, vectors = torch.linalg.eigh(START)
    root = vectors @ torch.diag(values.sqrt()) @ vectors.T
    optimal = float((START + END).trace() - 2 * torch.linalg.eigvalsh(root @ END @ root).sqrt().sum())
    assert optimal == pytest.approx(1.836, abs=1e-3)
    assert optimal < cost < float((START + END).trace())


OLD: list[Schedule] = [VP(), Rectified(), Cosine(), EDM(200.0)]


@pytest.mark.parametrize("old", OLD, ids=repr)
def test_a_retimed_model_has_the_exact_velocity_of_the_new_path(old: Schedule, path: Schedule) -> None:
    moved, exact = Retimed(Exact(Affine(old), LAW), path), Exact(Affine(path), LAW)
    z = torch.linspace(-2, 2, 9)[:, None]
    for time in (0.1, 0.5, 0.9):
        t = torch.tensor(time)
        for ask in ("velocity", "score"):
            found, true = (getattr(part.process, ask)(part(z, t), z, t) for part in (moved, exact))
            torch.testing.assert_close(found, true, rtol=1e-10, atol=1e-10)
    t = torch.linspace(0.1, 0.9, 9)
    assert_same(moved(z, t), exact(z, t), rtol=1e-9, atol=1e-9)


def test_the_published_conversion_is_this_one() -> None:
    """`u_new(z, r) = (c' / c) z + t' c u_old(z / c, t_r)`, from the straight path to the variance-preserving one."""
    old, new, r = Exact(Affine(Rectified()), LAW), VP(), torch.tensor(0.4)
    z, at = torch.linspace(-2, 2, 9)[:, None], VP()(r)
    t = at.sigma / (at.alpha + at.sigma)
    c = at.sigma / t
    d_t = (at.d_sigma * at.alpha - at.d_alpha * at.sigma) / (at.alpha + at.sigma) ** 2
    d_c = at.d_alpha + at.d_sigma
    expected = d_c / c * z + d_t * c * old.process.velocity(old(z / c, t), z / c, t)
    moved = Retimed(old, new)
    torch.testing.assert_close(moved.process.velocity(moved(z, r), z, r), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("solver", [heun(), Ancestral(), EulerMaruyama()], ids=["heun", "ancestral", "euler-maruyama"])
def test_a_retimed_model_samples_the_same_law(solver: Solver) -> None:
    n, moved = 2000, Retimed(Exact(Affine(VP(), parametrization=Noise()), LAW), Rectified())
    x = sample(moved, torch.zeros(n, 1), solver, Streams.of(0, n), steps=60)
    assert kolmogorov_smirnov(x, cdf) < 3


def test_fields_are_retimed_one_by_one() -> None:
    law = Points(State({"a": LAW.points, "b": LAW.points, "c": torch.tensor([[0], [1]])}), LAW.weights, LAW.std)
    process = Product({"a": Affine(VP()), "b": Affine(Cosine()), "c": Jump.masked(2)})
    moved = Retimed(Exact(process, law), {"a": VE(0.1, 5.0)})
    direct = Exact(Product({**process.parts, "a": Affine(VE(0.1, 5.0))}), law)
    z = State({"a": torch.ones(3, 1), "b": -torch.ones(3, 1), "c": torch.tensor([[0], [1], [2]])})
    for t in (torch.tensor(0.4), torch.tensor([0.2, 0.4, 0.6])):
        assert_same(moved(z, t), direct(z, t), rtol=1e-9, atol=1e-9)
    with pytest.raises(InputError, match="signal-to-noise"):
        Retimed(Exact(process, law), {"c": VP()})
    with pytest.raises(InputError, match='no field to re-time "d"'):
        Retimed(Exact(process, law), {"d": VP()})
