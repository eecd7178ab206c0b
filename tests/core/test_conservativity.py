"""Laws of the questions whether a score is a gradient, and whether it matters."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from geodrift.diagnostics.conservativity import estimated_asymmetry, jacobian, jacobian_asymmetry
from geodrift.diagnostics.fields import score_field, velocity_field
from geodrift.diagnostics.loops import line_integral, loop_integral, path_dependence
from geodrift.diagnostics.transport import (
    Quadratic,
    RandomFeatures,
    linear_relevance,
    stein,
    transport_relevance,
)
from geodrift.embeddings import OneHot
from geodrift.errors import InputError
from geodrift.layout import Padded
from geodrift.prediction import Estimate
from geodrift.processes import Affine, Jump, Product
from geodrift.rng import Streams
from geodrift.schedules import VP, Schedule
from geodrift.solvers import rk4
from geodrift.state import State
from geodrift.testing import Exact, Mixture, Points, ragged, run

J = torch.tensor([[0.0, 1.0], [-1.0, 0.0]], dtype=torch.float64)
SIGMA = torch.diag(torch.tensor([4.0, 0.25], dtype=torch.float64))


def linear(k: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda z: z @ k.T


def normal(*shape: int) -> Tensor:
    return Streams.of(5, shape[0]).normal(torch.empty(shape))


def oracle_of(path: Schedule) -> Exact:
    points = torch.tensor([[1.0, -1.0, 0.3], [-1.2, 0.8, 0.0]])
    return Exact(Affine(path), Points(points, torch.tensor([0.3, 0.7]), torch.tensor([0.45, 0.6])))


def test_a_true_score_is_a_gradient(path: Schedule) -> None:
    oracle, t, z = oracle_of(path), torch.tensor(0.4), normal(8, 3)
    field = score_field(oracle, t)
    assert float(jacobian_asymmetry(field, z).max()) < 1e-10
    assert float(estimated_asymmetry(field, z, Streams.of(1, 8))) < 1e-10
    assert float(loop_integral(field, z, 0.5, Streams.of(2, 8)).relative.abs().max()) < 1e-8
    assert float(path_dependence(field, z, z.flip(0), Streams.of(3, 8), detour=0.3, nodes=64).max()) < 1e-8


@pytest.mark.parametrize("w", [0.5, 1.0, 2.0])
def test_a_rotation_has_its_asymmetry(w: float) -> None:
    """s = -x + w J x: 4 w^2 / (1 + w^2), 3.2 at w = 2."""
    field, z, expected = linear(w * J - torch.eye(2)), normal(6, 2), 4 * w**2 / (1 + w**2)
    torch.testing.assert_close(jacobian_asymmetry(field, z), torch.full((6,), expected))
    assert float(estimated_asymmetry(field, z, Streams.of(1, 6))) == pytest.approx(expected)


def mlp(z: Tensor) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    first, second = (torch.randn(7, 7, generator=generator) / math.sqrt(7) for _ in range(2))
    return torch.tanh(z @ first) @ second + torch.square(z)


def test_probes_estimate_the_asymmetry() -> None:
    z = normal(1, 7)
    true, found = (
        float(v) for v in (jacobian_asymmetry(mlp, z)[0], estimated_asymmetry(mlp, z, Streams.of(1, 1), 2000))
    )
    assert true > 0.1
    assert found == pytest.approx(true, rel=0.03)


def test_a_block_is_that_of_the_matrix() -> None:
    z, entries = normal(3, 7), torch.tensor([4, 1, 6])
    whole, block = jacobian(mlp, z), jacobian(mlp, z, entries)
    by_hand = torch.stack([torch.func.jacrev(lambda v: mlp(v[None])[0])(row) for row in z])
    torch.testing.assert_close(whole, by_hand)
    torch.testing.assert_close(block, whole[:, entries][:, :, entries])
    assert not torch.allclose(jacobian_asymmetry(mlp, z, entries), jacobian_asymmetry(mlp, z))


def test_loops_obey_stokes() -> None:
    """Around a circle of a rotation 2 pi r^2 w, in either sense; around a small one of any field pi r^2 (J21 - J12)."""
    w, r, z = 0.7, 0.3, normal(5, 2)
    field = linear(w * J - torch.eye(2))
    found = loop_integral(field, z, r, Streams.of(1, 5)).integral.abs()
    torch.testing.assert_close(found, torch.full((5,), 2 * math.pi * r**2 * w))
    corners = [z + torch.tensor(corner) for corner in ([0.0, 0.0], [0.2, 0.0], [0.2, 0.1], [0.0, 0.1], [0.0, 0.0])]
    torch.testing.assert_close(line_integral(field, corners), torch.full((5,), -2 * w * 0.2 * 0.1))
    small = 1e-3
    plane = jacobian(lambda v: torch.stack([torch.sin(v[:, 1]) * v[:, 0], torch.exp(v[:, 0])], 1), z)
    turning = loop_integral(
        lambda v: torch.stack([torch.sin(v[:, 1]) * v[:, 0], torch.exp(v[:, 0])], 1), z, small, Streams.of(1, 5)
    )
    curl = (plane[:, 1, 0] - plane[:, 0, 1]).abs() * math.pi * small**2
    torch.testing.assert_close(turning.integral.abs(), curl, rtol=1e-2, atol=0)


def test_a_circle_goes_through_its_state() -> None:
    z, seen = normal(5, 3), []

    def field(v: Tensor) -> Tensor:
        seen.append(v)
        return v

    loop_integral(field, z, 0.4, Streams.of(1, 5), points=32)
    circle = torch.stack(seen[1:])
    assert float((circle - z).norm(dim=2).min(0)[0].max()) < 1e-12
    torch.testing.assert_close((circle - circle.mean(0)).norm(dim=2), torch.full((32, 5), 0.4))


def test_paths_of_a_rotation_disagree() -> None:
    begin, end = torch.zeros(4, 2), torch.ones(4, 2)
    assert float(path_dependence(linear(J), begin, end, Streams.of(1, 4)).min()) > 0.1
    assert float(path_dependence(linear(-SIGMA), begin, end, Streams.of(1, 4)).max()) < 1e-12


class Turned:
    """The exact denoiser of Gaussian data with a matrix added to its score."""

    def __init__(self, oracle: Exact, extra: Callable[[Tensor], Tensor]) -> None:
        self.oracle, self.extra, self.process = oracle, extra, oracle.process

    def __call__(self, z: Tensor, t: Any, cond: Any = None) -> Estimate:
        at = self.process.at(torch.as_tensor(t), z)
        n = self.oracle(z, t).n - at.sigma * (z @ self.extra(torch.as_tensor(t)).T)
        return Estimate((z - at.sigma * n) / at.alpha, n)


def carried(denoise: Turned, start: Tensor, times: Tensor) -> Tensor:
    """The covariance that the flow makes of one, which it moves linearly."""
    moved = run(rk4(), denoise, torch.eye(2), times, Streams.of(0, 2)).T
    return moved @ start @ moved.T


def test_a_rotating_score_keeps_a_round_law() -> None:
    """A = 3.2, and the flow of the score keeps N(0, I) exactly."""
    oracle = Exact(Affine(VP()), Points(torch.zeros(1, 2), torch.ones(1), torch.ones(1)))
    turned = Turned(oracle, lambda t: 2 * J)
    assert float(jacobian_asymmetry(score_field(turned, torch.tensor(0.5)), normal(1, 2))[0]) == pytest.approx(3.2)
    end = carried(turned, torch.eye(2), torch.linspace(1, 0.001, 101))
    torch.testing.assert_close(end, torch.eye(2), rtol=0, atol=1e-4)


def test_only_an_error_that_is_no_rotation_of_the_law_moves_it() -> None:
    """Data N(0, diag(4, 1/4)): w J x changes the covariance of the flow, w J Sigma_t^-1 x leaves it."""
    oracle = Exact(Affine(VP()), Mixture(torch.zeros(1, 2), torch.ones(1), SIGMA[None]))
    times = torch.linspace(1, 1e-3, 101)

    def now(t: Tensor) -> Tensor:
        at = VP()(t)
        return at.alpha**2 * SIGMA + at.sigma**2 * torch.eye(2)

    harmful = carried(Turned(oracle, lambda t: J), now(times[0]), times)
    harmless = carried(Turned(oracle, lambda t: J @ torch.linalg.inv(now(t))), now(times[0]), times)
    torch.testing.assert_close(harmless, SIGMA, rtol=0, atol=0.02)
    torch.testing.assert_close(harmful, torch.tensor([[2.34, -0.71], [-0.71, 0.65]]), rtol=0.02, atol=0.01)


HARMLESS = J @ torch.linalg.inv(SIGMA)


@pytest.mark.parametrize(("k", "expected"), [(J, 0.778), (HARMLESS, 0.0)], ids=["harmful", "harmless"])
def test_the_relevant_share_of_a_linear_error(k: Tensor, expected: float) -> None:
    z = normal(20_000, 2) @ SIGMA.sqrt()
    assert float(linear_relevance(k, SIGMA)) == pytest.approx(expected, abs=1e-3)
    for potentials in (Quadratic(), RandomFeatures(40)):
        assert float(transport_relevance(linear(k), z, potentials)) == pytest.approx(expected, abs=0.02)
    assert float(transport_relevance(lambda v: -v, z, Quadratic())) == pytest.approx(1)


def test_weights_stand_for_the_law() -> None:
    """States from a wider law, weighted back."""
    wide = normal(40_000, 2) @ (1.5 * SIGMA.sqrt())
    quadratic = torch.square(wide) / SIGMA.diagonal()
    weights = torch.exp(-quadratic.sum(1) / 2 * (1 - 1 / 1.5**2))
    found = transport_relevance(linear(J), wide, Quadratic(), weights)
    assert float(found) == pytest.approx(0.778, abs=0.02)


def test_a_harmless_error_has_no_stein_residual() -> None:
    z, score = normal(8, 2), linear(-torch.linalg.inv(SIGMA))
    harmless, harmful = (stein(linear(k), score, z, Streams.of(0, 8)) for k in (HARMLESS, J))
    assert float(harmless.abs().max()) < 1e-12
    torch.testing.assert_close(harmful, (z @ J.T * score(z)).sum(1))


def graphs(process: Product) -> State:
    """Three samples, padded; edges as classes, evidence or numbers."""
    layouts = {"nodes": Padded.of(torch.tensor([3, 1, 2])), "edges": Padded.of(torch.tensor([3, 0, 1]), 3)}
    x = State({"nodes": torch.tensor([[2, 0, 1], [1, 0, 0], [1, 2, 0]]), "edges": torch.ones(3, 3).long()}, layouts)
    return process.corrupt(x, torch.full((3,), 0.4), Streams.of(0, 3)).z


class Coupled:
    """Every score of a state is a matrix times the sum of its nodes: not a gradient."""

    def __init__(self, process: Product) -> None:
        self.process = process

    def __call__(self, z: State, t: Any, cond: Any = None) -> Any:
        nodes = z["nodes"]
        total = z.layouts["nodes"].expand(z.layouts["nodes"].sum(nodes), nodes)
        skew = torch.randn(3, 3, generator=torch.Generator().manual_seed(0))
        return {name: Estimate(nodes, torch.tanh(nodes @ skew) * (1 + total)) for name in self.process.parts}


@pytest.mark.parametrize("edges", [Jump.uniform(3)], ids=["classes"])
def test_real_fields_of_a_mixed_state_are_asked_alone(edges: Any) -> None:
    process = Product({"nodes": Affine(VP(), OneHot(3)), "edges": edges})
    z = graphs(process)
    field = score_field(Coupled(process), torch.tensor(0.4))
    matrices = jacobian(field, z)
    assert matrices.shape == (3, 9, 9)
    assert torch.all(matrices[1, 3:] == 0)
    assert torch.all(matrices[1, :, 3:] == 0)
    assert float(jacobian_asymmetry(field, z).min()) > 0.01
    apart = jacobian_asymmetry(score_field(Coupled(process), torch.tensor(0.4)), ragged(z))
    torch.testing.assert_close(apart, jacobian_asymmetry(field, z))


def test_a_velocity_is_asked_like_a_score() -> None:
    oracle, t, z = oracle_of(VP()), torch.tensor(0.4), normal(4, 3)
    trace = jacobian(velocity_field(oracle, t), z).diagonal(dim1=1, dim2=2).sum(1)
    torch.testing.assert_close(trace, oracle.divergence(z, t))


def test_classes_have_no_score() -> None:
    exact = Exact(Jump.uniform(3), Points(torch.arange(3), torch.ones(3) / 3))
    with pytest.raises(InputError, match="has none"):
        score_field(exact, torch.tensor(0.5))(torch.zeros(2, dtype=torch.int64))
