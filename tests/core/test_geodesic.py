"""Laws of paths along geodesics: velocities, exact densities, samples, and how fast errors vanish."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from geodrift.couplings import Assignment
from geodrift.errors import InputError
from geodrift.kernel import Delta
from geodrift.prediction import Tangent
from geodrift.processes import Geodesic
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.schedules import VP, Cosine
from geodrift.solvers import Ancestral, EulerMaruyama, Solver, Strang, euler, heun, rk4
from geodrift.sources import Normal
from geodrift.spaces import SPD, Around, Simplex, Sphere, Torus

EYE = torch.eye(2)
PATHS = {
    "torus": (Geodesic(Torus(2.0)), (6, 3)),
    "torus-cosine": (Geodesic(Torus(2.0), Cosine()), (6, 3)),
    "sphere": (Geodesic(Sphere()), (6, 4)),
    "sphere-cosine": (Geodesic(Sphere(), Cosine()), (6, 2, 3)),
    "sphere-normal": (Geodesic(Sphere(), source=Normal()), (6, 4)),
    "simplex": (Geodesic(Simplex(), Cosine()), (6, 3)),
    "spd": (Geodesic(SPD(), source=Around(SPD(), EYE, 0.5)), (6, 2, 2)),
}


class One:
    """The exact denoiser where each sample's data are known."""

    def __init__(self, process: Geodesic, x: Tensor) -> None:
        self.process, self.x = process, x

    def __call__(self, z: Tensor, t: Tensor, cond: Any = None) -> Tangent:
        kappa = self.process.at(t, z).sigma
        return Tangent(-self.process.space.log(z, self.x) / kappa, kappa)


def data(process: Geodesic, shape: tuple[int, ...], seed: int = 0) -> Tensor:
    return process.partner(torch.zeros(shape), Streams.of(seed, shape[0]))


@pytest.mark.parametrize("name", PATHS)
def test_the_velocity_is_that_of_the_path(name: str) -> None:
    process, shape = PATHS[name]
    x, n, h = data(process, shape), data(process, shape, 1), 1e-6
    for time in (0.01, 0.4, 0.99):
        at, before, after = (
            process.corrupt(x, torch.tensor(u), Streams.of(2, 6), n).z for u in (time, time - h, time + h)
        )
        p = Tangent(process.heading(at, x, n), process.at(torch.tensor(time), at).sigma)
        space = process.space
        torch.testing.assert_close(
            process.velocity(p, at, torch.tensor(time)),
            (space.log(at, after) - space.log(at, before)) / (2 * h),
            rtol=1e-6,
            atol=1e-7,
        )
        torch.testing.assert_close(process.finish(p, at, Streams.of(0, 6)), x, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", PATHS)
def test_ends_are_data_and_source_and_the_loss_is_the_squared_length(name: str) -> None:
    process, shape = PATHS[name]
    x, n = data(process, shape), data(process, shape, 1)
    for time, there in ((0.0, x), (1.0, n)):
        torch.testing.assert_close(process.corrupt(x, torch.tensor(time), Streams.of(2, 6), n).z, there)
    draw = process.corrupt(x, torch.tensor(0.3), Streams.of(2, 6), n)
    exact = process.heading(draw.z, x, n)
    torch.testing.assert_close(process.loss(exact, draw).sum(), torch.zeros(()))
    length = process.loss(torch.zeros_like(exact), draw).sum()
    torch.testing.assert_close(length, torch.square(process.space.log(x, n)).sum())


@pytest.mark.parametrize("solver", [euler(), heun(), rk4(), Ancestral()], ids=["euler", "heun", "rk4", "ancestral"])
@pytest.mark.parametrize("name", PATHS)
def test_an_exact_denoiser_of_one_datum_returns_it(name: str, solver: Solver) -> None:
    process, shape = PATHS[name]
    x = data(process, shape, 5)
    found = sample(One(process, x), torch.zeros(shape), solver, Streams.of(0, 6), steps=7)
    torch.testing.assert_close(found, x, rtol=1e-6, atol=1e-6)


def test_a_step_of_the_transition_law_goes_along_the_geodesic() -> None:
    process, shape = PATHS["sphere-cosine"]
    x, n, t, s = data(process, shape), data(process, shape, 1), torch.tensor(0.8), torch.tensor(0.3)
    draw = process.corrupt(x, t, Streams.of(0, 6), n)
    law = process.kernel(process.resolve(process.heading(draw.z, x, n), draw.z, t), draw.z, t, s)
    assert isinstance(law, Delta)
    torch.testing.assert_close(law.at, process.corrupt(x, s, Streams.of(0, 6), n).z)


@pytest.mark.parametrize("name", PATHS)
def test_a_coupling_shortens_the_geodesics(name: str) -> None:
    """Distances are those of the space, so that pairs across the seam of a torus are near."""
    process, shape = PATHS[name]
    x, n = data(process, (64, *shape[1:])), process.partner(torch.zeros(64, *shape[1:]), Streams.of(1, 64))
    paired = Assignment().pair(process, x, {}, Streams.of(1, 64))
    shorter, independent = (torch.square(process.space.log(x, v)).sum() for v in (paired, n))
    assert shorter < 0.9 * independent
    assert torch.equal(paired.flatten(1).sum(1).sort()[0], n.flatten(1).sum(1).sort()[0])
    assert torch.equal(process.start(n, Streams.of(0, 64)), n)


def test_what_a_geodesic_path_does_not_have_is_refused() -> None:
    process, one = Geodesic(Torus()), torch.ones(1)
    for solver in (EulerMaruyama(), Strang()):
        with pytest.raises(InputError, match=r"needs a score and this process .* has none; use an ODE solver"):
            solver.admit(process, one)
    with pytest.raises(InputError, match="has no score; its velocity it has"):
        process.score(Tangent(one, one), one, one)
    with pytest.raises(InputError, match="choose rectified or cosine"):
        Geodesic(Torus(), VP())
    with pytest.raises(InputError, match="SPD has no uniform law"):
        Geodesic(SPD()).prior(torch.zeros(2, 3, 3), Streams.of(0, 2))


def test_states_keep_the_type_of_the_data() -> None:
    dtype = torch.float32
    for name, (process, shape) in PATHS.items():
        x = data(process, shape).to(dtype)
        draw = process.corrupt(x, torch.tensor(0.5, dtype=dtype), Streams.of(0, 6))
        assert draw.z.dtype == dtype, name
