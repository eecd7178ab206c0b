"""Laws of the Gaussian baseline: moments in one pass, the exact denoiser and flow, and the leap that they allow."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from torch import Tensor

from geodrift.embeddings import OneHot
from geodrift.errors import InputError
from geodrift.gaussian import GaussianDenoiser, fit
from geodrift.layout import Padded
from geodrift.moments import Moments
from geodrift.processes import Affine, Jump, Product
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.schedules import EDM, VP, Rectified, Schedule
from geodrift.solvers import RungeKutta, Teleport, euler, heun, suggest_skip
from geodrift.solvers.grids import Karras
from geodrift.state import State
from geodrift.testing import Counted, Exact, Mixture, Points, assert_same, run

EIGENVALUES = (4.0, 1.0, 0.25, 0.05, 0.0, 0.0)


def normal(*shape: int, seed: int = 5) -> Tensor:
    return Streams.of(seed, shape[0]).normal(torch.empty(shape))


def rotation(d: int) -> Tensor:
    return torch.linalg.qr(normal(d, d)).Q


def known(d: int = 6) -> Moments:
    """Six axes of which two are flat; the four strong ones kept."""
    variances = torch.tensor(EIGENVALUES[:d])
    return Moments(torch.linspace(-1, 1, d), rotation(d).T[:4], variances[:4], torch.zeros(()))


# --- moments ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [(200,), (7, 1, 92, 100), (100, 100)], ids=str)
def test_moments_do_not_depend_on_the_batches(sizes: tuple[int, ...]) -> None:
    """All axes kept: exactly the mean and covariance of the data."""
    x = normal(200, 3, 2) @ normal(2, 2, seed=1) + 5
    found = Moments.fit(torch.split(x, sizes), rank=6)
    rows = x.flatten(1)
    torch.testing.assert_close(found.mean, x.mean(0))
    torch.testing.assert_close(found.covariance(), torch.cov(rows.T, correction=0))
    assert torch.all(found.variances[:-1] >= found.variances[1:])


def test_the_strongest_axes_are_kept_and_the_rest_share_what_is_left() -> None:
    x = normal(5000, 30) * torch.cat([torch.tensor([6.0, 3.0]), 0.2 * torch.ones(28)])
    found = Moments.fit(torch.split(x, 250), rank=2)
    true = torch.cov(x.T, correction=0)
    values, vectors = torch.linalg.eigh(true)
    torch.testing.assert_close(found.variances, values.flip(0)[:2], rtol=1e-4, atol=0)
    overlap = (found.axes @ vectors.flip(1)[:, :2]).abs()
    torch.testing.assert_close(overlap, torch.eye(2), rtol=0, atol=1e-3)
    torch.testing.assert_close(found.axes @ found.axes.T, torch.eye(2))
    torch.testing.assert_close(torch.trace(found.covariance()), torch.trace(true))
    assert float(found.rest) == pytest.approx(float(values[:-2].mean()), rel=1e-3)


def test_many_entries_and_few_draws() -> None:
    """More entries than draws, as in a volume: no matrix of entries by entries is made."""
    x = normal(20, 40_000)
    found = Moments.fit([x[:12], x[12:]], rank=19)
    centred = x - x.mean(0)
    torch.testing.assert_close(found.variances, torch.linalg.eigvalsh(centred @ centred.T).flip(0)[:19] / 20)
    assert float(found.rest) == pytest.approx(0, abs=1e-10)


def test_one_draw_has_no_covariance() -> None:
    with pytest.raises(InputError, match="two or more"):
        Moments.fit([torch.zeros(1, 3)], 2)


# --- denoiser and flow -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("time", [0.1, 0.6, 1.0])
def test_the_denoiser_is_that_of_the_gaussian(schedule: Schedule, time: float) -> None:
    moments, t = Moments.fit([normal(50, 2, 3) @ normal(3, 3, seed=2)], rank=3), torch.full((8,), time)
    exact = Exact(Affine(schedule), Mixture(moments.mean[None], torch.ones(1), moments.covariance()[None]))
    z = exact.process.corrupt(exact.law.sample(Streams.of(0, 8), 8), t, Streams.of(1, 8)).z
    assert_same(GaussianDenoiser(exact.process, moments)(z, t), exact(z, t), rtol=1e-8, atol=1e-8)


CASES = [(VP(), 1.0, (0.5, 0.1, 1e-3)), (EDM(80.0), 1.0, (0.5, 0.01 / 80)), (Rectified(), 1.0, (0.4, 0.01))]


@pytest.mark.parametrize(("chosen", "start", "ends"), CASES, ids=["vp", "edm", "rectified"])
def test_the_flow_is_that_of_the_equation(chosen: Schedule, start: float, ends: tuple[float, ...]) -> None:
    """The closed form against DOP853, from the source to near the data."""
    gaussian, t = GaussianDenoiser(Affine(chosen), known()), torch.tensor(start)
    z = gaussian.process.corrupt(torch.zeros(2, 6) + known().mean, t, Streams.of(3, 2)).z

    def rate(time: float, flat: Any) -> Any:
        v, at = torch.from_numpy(flat.copy()).reshape(2, 6), torch.tensor(time)
        return gaussian.process.velocity(gaussian(v, at), v, at).flatten().numpy()

    found = solve_ivp(rate, (start, ends[-1]), z.flatten().numpy(), "DOP853", np.array(ends), rtol=1e-11, atol=1e-12)
    for end, reached in zip(ends, found.y.T, strict=True):
        closed = gaussian.flow(z, t, torch.tensor(end))
        torch.testing.assert_close(closed, torch.from_numpy(reached).reshape(2, 6), rtol=0, atol=1e-8)


def test_flows_compose_and_return(schedule: Schedule) -> None:
    gaussian, z = GaussianDenoiser(Affine(schedule), known()), normal(4, 6)
    t, u, s = (torch.full((4,), v) for v in (0.9, 0.5, 0.2))
    torch.testing.assert_close(gaussian.flow(gaussian.flow(z, t, u), u, s), gaussian.flow(z, t, s))
    torch.testing.assert_close(gaussian.flow(gaussian.flow(z, t, s), s, t), z)


def molecules() -> tuple[Product, list[State]]:
    """Padded classes and a dense vector, each on a path of its own."""
    layout = Padded.of(torch.tensor([3, 1, 2, 3]))
    nodes = torch.tensor([[2, 0, 1], [1, 0, 0], [1, 2, 0], [0, 0, 2]])
    state = State({"nodes": nodes, "cell": normal(4, 2)}, {"nodes": layout})
    return Product({"nodes": Affine(VP(), OneHot(3)), "cell": Affine(Rectified())}), [state, state]


def test_elements_of_a_padded_field_are_draws() -> None:
    """Moments over the elements that exist, whatever their place; a dense field by samples."""
    process, data = molecules()
    found: Any = fit(process, data, rank=3)
    hot = torch.nn.functional.one_hot(torch.tensor([2, 0, 1, 1, 1, 2, 0, 0, 2]), 3).double()
    torch.testing.assert_close(found["nodes"].mean, hot.mean(0))
    torch.testing.assert_close(found["nodes"].covariance(), torch.cov(hot.T, correction=0))
    torch.testing.assert_close(found["cell"].covariance(), torch.cov(data[0]["cell"].T, correction=0))


def test_a_state_moves_as_its_fields() -> None:
    process, data = molecules()
    found: Any = fit(process, data, rank=3)
    gaussian, t, s = GaussianDenoiser(process, found), torch.linspace(0.6, 0.9, 4), torch.linspace(0.1, 0.4, 4)
    z = process.corrupt(data[0], t, Streams.of(0, 4)).z
    moved, p = gaussian.flow(z, t, s), gaussian(z, t)
    assert_same(moved, moved.masked())
    for name, part in process.parts.items():
        alone = GaussianDenoiser(part, found[name])
        assert_same(z.layouts[name].mask(alone.flow(z[name], t, s)), moved[name])
        assert_same(alone(z[name], t), p[name])


def test_classes_have_no_gaussian() -> None:
    process = Product({"nodes": Jump.masked(3)})
    with pytest.raises(InputError, match="field nodes"):
        fit(process, [], 2)
    with pytest.raises(InputError, match="moments of the fields"):
        GaussianDenoiser(Product({"a": Affine(VP())}), known())


# --- teleporting -----------------------------------------------------------------------------------------------------


def modes() -> Points:
    """Six modes in 32 dimensions."""
    return Points(1.2 * normal(6, 32), torch.full((6,), 1 / 6), torch.full((6,), 0.25))


def outline(law: Points) -> Moments:
    away = law.points - law.points.mean(0)
    values, vectors = torch.linalg.eigh(away.T @ away / 6)
    rest = torch.tensor(0.25**2)
    return Moments(law.points.mean(0), vectors.T.flip(0)[:5], values.flip(0)[:5] + rest, rest)


def test_a_leap_saves_calls_and_keeps_the_error() -> None:
    """EDM's 18 steps of Heun: four steps by the closed form, eight calls less, no larger an error."""
    law, n, grid = modes(), 128, Karras()
    exact = Exact(Affine(EDM()), law)
    start = exact.process.prior(torch.zeros(n, 32), Streams.of(0, n))
    fine = grid(200)
    true = run(heun(), exact, start, fine, Streams.of(0, n))

    def attempt(solver: RungeKutta | Teleport) -> tuple[float, int]:
        counted, like = Counted(exact), torch.zeros(n, 32)
        x = sample(counted, like, solver, Streams.of(0, n), steps=18, grid=grid)
        return float(torch.square(x - true).mean().sqrt()), counted.calls

    whole, calls = attempt(heun())
    leap = Teleport(heun(), outline(law), float(grid(18)[4]))
    short, fewer = attempt(leap)
    assert (calls, fewer) == (35, 27)
    assert short <= 1.1 * whole
    far, _ = attempt(Teleport(heun(), outline(law), float(grid(18)[9])))
    assert far > 1.5 * whole


def test_gaussian_data_are_sampled_without_a_network() -> None:
    """A leap to the end is exact: one call, for the last prediction, whose data are those of the flow to zero."""
    n, moments = 64, known()
    exact = Exact(Affine(VP()), Mixture(moments.mean[None], torch.ones(1), moments.covariance()[None]))
    counted = Counted(exact)
    x = sample(counted, torch.zeros(n, 6), Teleport(euler(), moments, 0.0), Streams.of(0, n), steps=1000)
    z = exact.process.prior(torch.zeros(n, 6), Streams.of(0, n))
    t, last = torch.tensor(1.0), torch.tensor(0.001)
    gaussian = GaussianDenoiser(exact.process, moments)
    direct = gaussian(gaussian.flow(z, t, last), last).x
    torch.testing.assert_close(x, direct)
    torch.testing.assert_close(x, gaussian.flow(z, t, torch.tensor(0.0)), rtol=0, atol=2e-3)
    assert counted.calls == 1


def test_a_state_leaps() -> None:
    process, data = molecules()
    leap = Teleport(heun(), fit(process, data, 3), 0.5)
    law = Points(State({"nodes": torch.tensor([[0, 1, 1]]), "cell": torch.ones(1, 2)}), torch.ones(1))
    like = State({"nodes": torch.zeros(4, 3, dtype=torch.int64), "cell": torch.zeros(4, 2)})
    counted = Counted(Exact(process, law))
    x = sample(counted, like, leap, Streams.of(0, 4), steps=10)
    assert x["nodes"].tolist() == [[0, 1, 1]] * 4
    assert counted.calls == 2 * 4 + 1


@pytest.mark.parametrize("until", [-0.1, 1.1])
def test_a_leap_ends_within_time(until: float) -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        Teleport(heun(), known(), until).admit(Affine(VP()), torch.ones(1))


def test_a_solver_that_cannot_start_at_the_source_may_start_after_a_leap() -> None:
    """What a solver refuses of the first times does not concern it."""
    from geodrift.solvers import Strang

    times = torch.linspace(1, 0.1, 10)
    with pytest.raises(InputError, match="at the source"):
        Strang().admit(Affine(Rectified()), times)
    Teleport(Strang(), known(), 0.8).admit(Affine(Rectified()), times)


def test_the_suggested_leap_ends_where_the_modes_part() -> None:
    """No leap is too far on Gaussian data; on modes it ends at a noise of the order of their distance."""
    law, rng = modes(), Streams.of(3, 256)
    x, times = law.sample(Streams.of(4, 256), 256), Karras()(18)
    exact = Exact(Affine(EDM()), law)
    found = suggest_skip(exact, outline(law), [x], times, rng)
    assert 1.0 < 80 * found < 30
    assert suggest_skip(exact, outline(law), [x], times, rng, tolerance=0.5) < found
    one = Points(law.points[:1], torch.ones(1), torch.full((1,), 0.25))
    alone = Moments(one.points[0], torch.eye(32)[:1], torch.tensor([0.25**2]), torch.tensor(0.25**2))
    calm = suggest_skip(Exact(Affine(EDM()), one), alone, [one.sample(Streams.of(4, 256), 256)], times, rng)
    assert calm == float(times[-1])
    assert math.isclose(calm, 0.002 / 80)
