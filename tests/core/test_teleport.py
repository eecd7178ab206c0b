"""Laws of the leap along the Gaussian flow."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from geodrift.embeddings import OneHot
from geodrift.errors import InputError
from geodrift.gaussian import GaussianDenoiser, fit
from geodrift.layout import Padded
from geodrift.moments import Moments
from geodrift.processes import Affine, Product
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.schedules import EDM, VP, Rectified
from geodrift.solvers import RungeKutta, Strang, Teleport, euler, heun, suggest_skip
from geodrift.solvers.grids import Karras
from geodrift.state import State
from geodrift.testing import Counted, Exact, Mixture, Points, run

EIGENVALUES = (4.0, 1.0, 0.25, 0.05, 0.0, 0.0)


def normal(*shape: int, seed: int = 5) -> Tensor:
    return Streams.of(seed, shape[0]).normal(torch.empty(shape))


def rotation(d: int) -> Tensor:
    return torch.linalg.qr(normal(d, d)).Q


def known(d: int = 6) -> Moments:
    """Six axes of which two are flat; the four strong ones kept."""
    variances = torch.tensor(EIGENVALUES[:d])
    return Moments(torch.linspace(-1, 1, d), rotation(d).T[:4], variances[:4], torch.zeros(()))


def molecules() -> tuple[Product, list[State]]:
    """Padded classes and a dense vector, each on a path of its own."""
    layout = Padded.of(torch.tensor([3, 1, 2, 3]))
    nodes = torch.tensor([[2, 0, 1], [1, 0, 0], [1, 2, 0], [0, 0, 2]])
    state = State({"nodes": nodes, "cell": normal(4, 2)}, {"nodes": layout})
    return Product({"nodes": Affine(VP(), OneHot(3)), "cell": Affine(Rectified())}), [state, state]


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
    fine = grid(200, exact.process)
    true = run(heun(), exact, start, fine, Streams.of(0, n))

    def attempt(solver: RungeKutta | Teleport) -> tuple[float, int]:
        counted, like = Counted(exact), torch.zeros(n, 32)
        x = sample(counted, like, solver, Streams.of(0, n), steps=18, grid=grid)
        return float(torch.square(x - true).mean().sqrt()), counted.calls

    whole, calls = attempt(heun())
    leap = Teleport(heun(), outline(law), float(grid(18, exact.process)[4]))
    short, fewer = attempt(leap)
    assert (calls, fewer) == (35, 27)
    assert short <= 1.1 * whole
    far, _ = attempt(Teleport(heun(), outline(law), float(grid(18, exact.process)[9])))
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
    times = torch.linspace(1, 0.1, 10)
    with pytest.raises(InputError, match="at the source"):
        Strang().admit(Affine(Rectified()), times)
    Teleport(Strang(), known(), 0.8).admit(Affine(Rectified()), times)


def test_the_suggested_leap_ends_where_the_modes_part() -> None:
    """No leap is too far on Gaussian data; on modes it ends at a noise of the order of their distance."""
    law, rng = modes(), Streams.of(3, 256)
    x, times = law.sample(Streams.of(4, 256), 256), Karras()(18, Affine(EDM()))
    exact = Exact(Affine(EDM()), law)
    found = suggest_skip(exact, outline(law), [x], times, rng)
    assert 1.0 < 80 * found < 30
    assert suggest_skip(exact, outline(law), [x], times, rng, tolerance=0.5) < found
    one = Points(law.points[:1], torch.ones(1), torch.full((1,), 0.25))
    alone = Moments(one.points[0], torch.eye(32)[:1], torch.tensor([0.25**2]), torch.tensor(0.25**2))
    calm = suggest_skip(Exact(Affine(EDM()), one), alone, [one.sample(Streams.of(4, 256), 256)], times, rng)
    assert calm == float(times[-1])
    assert math.isclose(calm, 0.002 / 80)
