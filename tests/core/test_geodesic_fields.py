"""Geodesic paths on data whose law is known: exact densities, samples, and how fast errors vanish."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import pytest
import torch
from torch import Tensor

from geodrift.embeddings import OneHot
from geodrift.errors import InputError
from geodrift.prediction import Tangent
from geodrift.processes import Affine, Geodesic
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.schedules import Rectified
from geodrift.solvers import Ancestral, Solver, euler, heun, rk4
from geodrift.spaces import SPD, Around, Simplex, Sphere, Torus
from geodrift.testing import Exact, Points, chi_square, kolmogorov_smirnov, order, run

ORDERS = [(euler(), 1), (heun(), 2), (rk4(), 4)]


class Curved(Sphere):
    """A sphere on which only exponential maps are left."""

    embedded = False

    def retract(self, z: Tensor, v: Tensor) -> Tensor:
        return self.exp(z, self.tangent(z, v))


class Flat:
    """The exact denoiser on matrices: in log-Cholesky coordinates the path is the straight one, from a normal law."""

    process = Geodesic(SPD(), source=Around(SPD(), torch.eye(2)))
    affine = Affine(Rectified())

    def __init__(self, law: Points) -> None:
        self.exact = Exact(self.affine, law)

    def __call__(self, z: Tensor, t: Tensor, cond: Any = None) -> Tangent:
        c = SPD().chart(z)
        p = self.exact(c, t)
        return Tangent(self.affine.velocity(p, c, t), torch.as_tensor(t))


def circle() -> tuple[Exact, Tensor]:
    """Two modes on a torus, one across the seam, and states that cover it."""
    law = Points(torch.tensor([[0.05], [0.9]]), torch.tensor([0.35, 0.65]), torch.tensor([0.15, 0.2]))
    return Exact(Geodesic(Torus(2.0)), law), torch.linspace(0.013, 1.987, 23)[:, None]


def globe() -> tuple[Exact, Tensor]:
    """Three points on a sphere and states whose antipodes are far from all of them."""
    points = Sphere().project(torch.tensor([[1.0, 0.3, 0.2], [0.2, 1.0, 0.3], [0.3, -0.2, 1.0]]))
    z = Sphere().project(torch.tensor([[1.0, 1.0, 0.2], [0.1, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 1.0]]))
    return Exact(Geodesic(Sphere()), Points(points, torch.tensor([0.2, 0.3, 0.5]))), z


def thirds() -> tuple[Exact, Tensor]:
    """Three laws of four classes, and states whose paths stay inside of the simplex."""
    points = torch.tensor([[0.4, 0.2, 0.2, 0.2], [0.2, 0.4, 0.2, 0.2], [0.2, 0.2, 0.3, 0.3]])
    z = torch.tensor([[0.28, 0.22, 0.26, 0.24], [0.2, 0.3, 0.25, 0.25]])
    return Exact(Geodesic(Simplex()), Points(points, torch.tensor([0.2, 0.3, 0.5]))), z


def matrices() -> tuple[Flat, Tensor]:
    points = torch.tensor([[[0.5, 0.0], [0.4, -0.3]], [[-0.4, 0.0], [-0.6, 0.2]]])
    z = SPD().unchart(torch.tril(Streams.of(3, 5).normal(torch.empty(5, 2, 2))))
    return Flat(Points(points, torch.tensor([0.4, 0.6]), torch.full((2,), 0.3))), z


FIELDS: dict[str, tuple[Callable[[], tuple[Any, Tensor]], float, float]] = {
    "torus": (circle, 0.9, 0.3),
    "sphere": (globe, 1.0, 0.7),
    "simplex": (thirds, 1.0, 0.9),
    "spd": (matrices, 0.9, 0.3),
}


@cache
def end(name: str, solver: Solver, steps: int) -> Tensor:
    make, first, last = FIELDS[name]
    exact, z = make()
    found: Tensor = run(solver, exact, z, torch.linspace(first, last, steps + 1, dtype=torch.float64), Streams.of(0, 1))
    return found


@pytest.mark.parametrize(("solver", "expected"), ORDERS, ids=["euler", "heun", "rk4"])
@pytest.mark.parametrize("name", FIELDS)
def test_order_on_every_space(name: str, solver: Solver, expected: int) -> None:
    true = end(name, rk4(), 64)
    measured = order(lambda n: float((end(name, solver, n) - true).norm()), (8, 16))
    assert measured == pytest.approx(expected, abs=0.15)


def test_a_method_of_exponential_maps_has_order_two_on_a_sphere() -> None:
    """What `retract` is for: the same table, the same field, sums of tangents at different points followed as one."""
    exact, z = globe()
    curved = Exact(Geodesic(Curved()), exact.law)
    true = end("sphere", rk4(), 64)

    def error(steps: int) -> float:
        times = torch.linspace(1.0, 0.7, steps + 1)
        return float((run(rk4(), curved, z, times, Streams.of(0, 1)) - true).norm())

    assert order(error, (16, 32)) == pytest.approx(2, abs=0.2)
    with pytest.raises(InputError, match=r"Curved.* is not embedded"):
        rk4().admit(Geodesic(Curved()), torch.ones(1))
    heun().admit(Geodesic(Curved()), torch.ones(1))


@pytest.mark.parametrize(("make", "time"), [(circle, 0.6), (circle, 0.2), (globe, 0.8), (thirds, 0.95)], ids=str)
def test_density_moves_with_the_velocity(make: Callable[[], tuple[Exact, Tensor]], time: float) -> None:
    """The continuity equation; on spheres of fields extended along the radius, whose divergence is the ambient one."""
    (exact, z), t, h = make(), torch.tensor(time), 1e-5
    space = exact.process.space
    root = isinstance(space, Simplex)
    w = (torch.sqrt(z) if root else z).clone().requires_grad_()

    def point(w: Tensor) -> Tensor:
        unit = w if isinstance(space, Torus) else Sphere().project(w)
        return torch.square(unit) if root else unit

    velocity = exact.process.velocity(exact(point(w), t), point(w), t) / (2 if root else 1)
    rows = [torch.autograd.grad(velocity[:, i].sum(), w, retain_graph=True)[0][:, i] for i in range(w.shape[1])]
    slope = torch.autograd.grad(exact.log_prob(point(w), t).sum(), w)[0]
    change = (exact.log_prob(point(w), t + h) - exact.log_prob(point(w), t - h)) / (2 * h)
    residual = (change + (velocity * slope).sum(1) + sum(rows)).detach()
    assert torch.all(residual.abs() < 1e-6 * (1 + change.abs()).detach())
    assert float(change.detach().abs().max()) > 0.01


def test_densities_integrate_to_one() -> None:
    n = 2000
    exact, _ = circle()
    z = (2.0 * (torch.arange(n) + 0.5) / n)[:, None]
    for time in (0.1, 0.5, 1.0):
        assert float(torch.exp(exact.log_prob(z, torch.tensor(time))).mean() * 2) == pytest.approx(1, abs=1e-9)
    exact, _ = globe()
    z = Sphere().uniform(torch.empty(40000, 3), Streams.of(0, 40000))
    for time in (0.5, 0.8, 1.0):  # the density is that of a uniform source, up to its constant
        assert float(torch.exp(exact.log_prob(z, torch.tensor(time))).mean()) == pytest.approx(1, abs=0.02)


def test_the_posterior_of_the_torus_is_that_of_a_simulation() -> None:
    """The mean velocity of paths that end near a state."""
    exact, _ = circle()
    n, t, width = 200000, torch.tensor(0.5), 0.02
    x = exact.law.sample(Streams.of(0, n), n)
    process = exact.process
    draw = process.corrupt(x, t, Streams.of(1, n))
    heading = process.heading(draw.z, draw.x, draw.n)
    for place in (0.3, 0.5, 1.2, 1.7):
        z = torch.tensor([[place]])
        near = process.space.log(z, draw.z).abs()[:, 0] < width
        spread = float(heading[near].std()) / math.sqrt(int(near.sum()))
        assert float(exact(z, t).v) == pytest.approx(float(heading[near].mean()), abs=4 * spread + 0.01)


@pytest.mark.parametrize("solver", [euler(), heun(), Ancestral()], ids=["euler", "heun", "ancestral"])
def test_samples_have_the_law_on_the_torus(solver: Solver) -> None:
    exact, _ = circle()
    n, law, images = 2000, exact.law, 2.0 * torch.arange(-3, 4)

    def cdf(x: Tensor) -> Tensor:
        ends = [(v[..., None, None] + images - law.points) / law.std[:, None] for v in (x, torch.zeros(()))]
        return (law.weights * (torch.special.ndtr(ends[0]) - torch.special.ndtr(ends[1])).sum(-1)).sum(-1)

    x = sample(exact, torch.zeros(n, 1), solver, Streams.of(0, n), steps=30)
    assert kolmogorov_smirnov(x, cdf) < 3


@pytest.mark.parametrize("name", ["sphere", "simplex"])
def test_samples_are_the_points_with_their_weights(name: str) -> None:
    exact, z = (globe if name == "sphere" else thirds)()
    n = 2000
    x = sample(exact, torch.zeros(n, z.shape[1]), heun(), Streams.of(0, n), steps=30)
    distances = torch.cdist(x, exact.law.points)
    assert float((distances.min(1)[0] < 0.02).double().mean()) > 0.98
    assert chi_square(torch.bincount(distances.argmin(1), minlength=3).double(), exact.law.weights) < 3


def test_classes_are_corners_of_the_simplex() -> None:
    """Correlated classes by a continuous path: only the pairs of the data come out, as often as they should."""
    process = Geodesic(Simplex(), embedding=OneHot(3))
    law = Points(torch.tensor([[0, 1], [1, 2], [2, 2]]), torch.tensor([0.2, 0.3, 0.5]))
    n = 2000
    x = sample(Exact(process, law), torch.zeros(n, 2, dtype=torch.int64), heun(), Streams.of(0, n), steps=30)
    table = torch.bincount(3 * x[:, 0] + x[:, 1], minlength=9).double()
    assert table[[1, 5, 8]].sum() > 0.99 * n
    assert chi_square(table[[1, 5, 8]], law.weights) < 3


def test_samples_of_matrices_have_the_law() -> None:
    flat, _ = matrices()
    n = 2000
    c = SPD().chart(sample(flat, torch.zeros(n, 2, 2), heun(), Streams.of(0, n), steps=30))
    points = flat.exact.law.points

    def cdf(x: Tensor, centres: Tensor) -> Tensor:
        return torch.special.ndtr((x[:, None] - centres) / 0.3) @ flat.exact.law.weights

    for i, j in ((0, 0), (1, 0), (1, 1)):
        assert kolmogorov_smirnov(c[:, i, j], partial(cdf, centres=points[:, i, j])) < 3
