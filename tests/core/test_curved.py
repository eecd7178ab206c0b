"""Spaces against closed forms: distances, cut loci, equal eigenvalues, boundaries, uniform laws."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from geodrift.errors import InputError
from geodrift.layout import Padded
from geodrift.rng import Streams
from geodrift.spaces import SPD, Around, Centred, Euclidean, Product, Simplex, Space, Sphere, Torus
from geodrift.state import State
from geodrift.testing import check_gradients, chi_square, kolmogorov_smirnov, ragged

STREAMS = Streams.of(0, 6)
UNITS = Sphere().uniform(torch.empty(6, 4, dtype=torch.float64), Streams.of(1, 6))
CORNERS = torch.eye(3)
EQUAL = torch.diag_embed(torch.tensor([[1.0, 1.0, 1.0], [2.0, 2.0, -1.0], [0.0, 0.0, 0.0], [-1.0, -1.0, 3.0]]))


def length(v: Tensor, axes: int = 1) -> Tensor:
    return v.flatten(-axes).norm(dim=-1)


def test_distances_have_their_closed_forms() -> None:
    one, other = UNITS[:3], UNITS[3:]
    torch.testing.assert_close(length(Sphere().log(one, other)), torch.arccos((one * other).sum(-1)))
    p, q = (Simplex().uniform(torch.empty(3, 5), Streams.of(seed, 3)) for seed in (0, 1))
    fisher = 2 * torch.arccos(torch.sqrt(p * q).sum(-1))
    torch.testing.assert_close(length(Simplex().log(p, q)), fisher)
    z, y = torch.tensor([[1.9, 0.2, 0.1], [0.1, 1.0, 1.9]])
    torch.testing.assert_close(Torus(2.0).log(z, y), torch.tensor([0.2, 0.8, -0.2]))
    a, b = torch.tensor([[[4.0]]]), torch.tensor([[[9.0]]])
    torch.testing.assert_close(SPD().log(a, b), torch.log(torch.tensor([[[1.5]]])))


def test_cholesky_geodesics_are_straight_in_factors() -> None:
    """Off the diagonal the factor goes in a line, on it its logarithm does (Lin, 2019, section 3)."""
    factors = torch.tril(STREAMS.normal(torch.empty(6, 3, 3))) + 3 * torch.eye(3)
    p, q = factors[:3] @ factors[:3].mT, factors[3:] @ factors[3:].mT
    half = torch.linalg.cholesky(SPD().exp(p, SPD().log(p, q) / 2))
    torch.testing.assert_close(torch.tril(half, -1), torch.tril(factors[:3] + factors[3:], -1) / 2)
    diagonals = [torch.diagonal(v, dim1=-2, dim2=-1) for v in (half, factors[:3], factors[3:])]
    torch.testing.assert_close(diagonals[0], torch.sqrt(diagonals[1] * diagonals[2]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_antipode_is_half_a_turn_away(dtype: torch.dtype) -> None:
    z = UNITS.to(dtype)
    way = Sphere().log(z, -z)
    close = {"rtol": 0, "atol": 50 * torch.finfo(dtype).eps}
    torch.testing.assert_close(length(way), torch.full((6,), math.pi, dtype=dtype), **close)
    torch.testing.assert_close((z * way).sum(-1), torch.zeros(6, dtype=dtype), **close)
    torch.testing.assert_close(Sphere().exp(z, way), -z, **close)


@pytest.mark.parametrize(
    ("space", "z", "y"),
    [
        (Sphere(), UNITS, UNITS),
        (Sphere(), UNITS, -UNITS),
        (Sphere(), UNITS, Sphere().exp(UNITS, 1e-9 * Sphere().tangent(UNITS, UNITS.flip(0)))),
        (Sphere(), torch.eye(3), -torch.eye(3)),
        (Sphere(), torch.zeros(2, 3), torch.zeros(2, 3)),
        (Torus(), torch.tensor([0.0, 0.25, 0.7]), torch.tensor([0.5, 0.75, 0.2])),
        (Simplex(), CORNERS, CORNERS),
        (Simplex(), CORNERS, CORNERS.roll(1, 0)),
        (Simplex(), CORNERS, torch.full((3, 3), 1 / 3)),
        (SPD(), torch.eye(3).expand(2, 3, 3), torch.eye(3).expand(2, 3, 3)),
        (SPD(), torch.eye(3).expand(2, 3, 3), 2 * torch.eye(3).expand(2, 3, 3)),
    ],
    ids=str,
)
def test_derivatives_are_finite_where_formulas_are_not(space: Space[Tensor], z: Tensor, y: Tensor) -> None:
    check_gradients(space, z.double(), y.double())


def test_projections_have_finite_derivatives_where_there_is_no_nearest_point() -> None:
    for space, z in ((Sphere(), torch.zeros(2, 3)), (SPD(), EQUAL), (Simplex(), -torch.ones(2, 3))):
        free = z.double().requires_grad_()
        (slope,) = torch.autograd.grad(torch.square(space.project(free)).sum(), free)
        assert torch.all(torch.isfinite(slope))


def test_series_join_the_closed_forms() -> None:
    """Steps across the change from one to the other, in and out, are as long as they should be."""
    z = torch.eye(1, 3)
    for r in torch.logspace(-9, math.log10(3.1), 60):
        v = r * torch.tensor([[0.0, 0.6, 0.8]])
        y = Sphere().exp(z, v)
        torch.testing.assert_close(y[0, 0], torch.cos(r), rtol=0, atol=4e-16)
        torch.testing.assert_close(Sphere().log(z, y), v, rtol=2e-15 / float(torch.sin(r)), atol=0)


def test_the_derivative_of_the_logarithm_is_right_on_both_sides_of_the_series() -> None:
    z = torch.tensor([[0.6, 0.0, 0.8]])
    for r in (0.0, 1e-3, 0.02, 0.05, 1.0):
        y = Sphere().exp(z, torch.tensor([[0.0, r, 0.0]])).requires_grad_()
        assert torch.autograd.gradcheck(lambda w: Sphere().log(z, w), y, atol=1e-6)
        assert torch.autograd.gradcheck(lambda w: Sphere().exp(z, w), y - z, atol=1e-6)


def test_a_projection_onto_positive_definite_matrices_is_nearest() -> None:
    """What it takes away is negative semi-definite and orthogonal to what is left; its derivative is right, too."""
    z = STREAMS.normal(torch.empty(6, 3, 3))
    symmetric, space = (z + z.mT) / 2, SPD(1e-12)
    found = space.project(z)
    values, residual = torch.linalg.eigvalsh(found), symmetric - found
    assert values.min() > 0
    assert torch.linalg.eigvalsh(residual).max() < 1e-11
    assert (residual * found).sum((-2, -1)).abs().max() < 1e-11
    for matrix in (z[:2], EQUAL[1:2], torch.eye(3)[None]):
        assert torch.autograd.gradcheck(SPD(0.5).project, matrix.double().requires_grad_())


def test_a_projection_onto_the_simplex_is_nearest() -> None:
    """The residual is the same where probability is left, and larger nowhere else."""
    z = 2 * STREAMS.normal(torch.empty(6, 5))
    p = Simplex().project(z)
    torch.testing.assert_close(p.sum(-1), torch.ones(6))
    level = torch.where(p > 0, z - p, -torch.inf).amax(-1, keepdim=True)
    assert torch.all(torch.where(p > 0, (z - p - level).abs() < 1e-12, z - p <= level))
    assert (p == 0).any()


def test_wrapped_numbers_stay_below_the_period() -> None:
    for dtype in (torch.float32, torch.float64):
        z = Torus(3.0).project(torch.tensor([-1e-30, -3.0, 3.0, 7.5, -0.25], dtype=dtype))
        assert z.tolist() == [0.0, 0.0, 0.0, 1.5, 2.75]


def test_uniform_laws() -> None:
    n = 20000
    angles = Torus(3.0).uniform(torch.empty(n, 1), Streams.of(0, n))
    assert kolmogorov_smirnov(angles, lambda x: x / 3) < 3
    heights = Sphere().uniform(torch.empty(n, 3), Streams.of(1, n))[:, 2]  # Archimedes: uniform
    assert kolmogorov_smirnov(heights, lambda x: (x + 1) / 2) < 3
    p = Simplex().uniform(torch.empty(n, 4), Streams.of(2, n))
    assert kolmogorov_smirnov(p[:, 1], lambda x: 1 - (1 - x) ** 3) < 3
    largest = torch.bincount(p.argmax(-1), minlength=4).double()
    assert chi_square(largest, torch.full((4,), 0.25)) < 3


@pytest.mark.parametrize("space", [Euclidean(), SPD(), Centred()], ids=repr)
def test_a_space_without_uniform_law_says_so(space: Space[Tensor]) -> None:
    with pytest.raises(InputError, match=f"{type(space).__name__} has no uniform law; choose a source"):
        space.uniform(torch.zeros(2, 3, 3), Streams.of(0, 2))


def test_a_law_around_a_matrix_is_normal_in_coordinates() -> None:
    n, centre = 5000, torch.tensor([[2.0, 0.5], [0.5, 1.0]])
    drawn = Around(SPD(), centre, 0.3).sample(torch.empty(n, 2, 2), Streams.of(0, n))
    ways = SPD().log(centre, drawn) / 0.3
    for i, j in ((0, 0), (1, 0), (1, 1)):
        assert kolmogorov_smirnov(ways[:, i, j], torch.special.ndtr) < 3


def test_a_period_is_positive() -> None:
    with pytest.raises(InputError, match="period 0"):
        Torus(0)


def test_centres_of_padded_and_ragged_fields_are_the_same() -> None:
    padded = State({"x": STREAMS.normal(torch.empty(6, 4, 3))}, {"x": Padded.of(torch.tensor([4, 1, 3, 0, 2, 4]))})
    space, rows = Product({"x": Centred()}), ragged(padded)
    centred = space.project(padded)
    torch.testing.assert_close(ragged(centred)["x"], space.project(rows)["x"])
    assert torch.equal(centred["x"], centred.masked()["x"])
    torch.testing.assert_close(centred["x"].sum(1), torch.zeros(6, 3))
    torch.testing.assert_close(Centred().project(padded["x"][:1]), centred["x"][:1])


def test_what_does_not_exist_stays_zero_on_any_space() -> None:
    """Zero is no point of a sphere, and its projection is one."""
    z = State({"x": torch.zeros(2, 3, 4)}, {"x": Padded.of(torch.tensor([3, 1]))})
    for space in (Sphere(), Simplex()):
        drawn = Product({"x": space}).uniform(z, Streams.of(0, 2))
        moved = Product({"x": space}).retract(drawn, drawn.map(torch.ones_like))
        for found in (drawn, moved):
            assert torch.equal(found["x"], found.masked()["x"])
            assert torch.all(found["x"][1, 0] != 0)
