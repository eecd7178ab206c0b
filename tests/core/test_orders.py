"""How fast the error of each solver vanishes, on exact denoisers: no networks, no sampling error."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor

from geodrift.parametrization import Linear, Noise, Score
from geodrift.processes import Affine, Product
from geodrift.rng import Streams
from geodrift.schedules import VP, Rectified, Schedule
from geodrift.solvers import (
    S4,
    Ancestral,
    EulerMaruyama,
    PredictorCorrector,
    ReversibleHeun,
    Solver,
    Strang,
    euler,
    heun,
    midpoint,
    rk4,
)
from geodrift.state import State
from geodrift.testing import Exact, Moments, Points, order, propagate, run

STREAMS = Streams.of(0, 1)
STRONG = [(euler(), 1), (midpoint(), 2), (heun(), 2), (rk4(), 4), (ReversibleHeun(), 2)]
WEAK = [
    (Ancestral(), 1, 1),
    (Ancestral(eta=0.5), 1, 1),
    (EulerMaruyama(), 1, 1),
    (EulerMaruyama(scale=2.0), 1, 1),
    (S4(snr=0.0), 1, 2),
    (Strang(), 2, 2),
]


def grid(steps: int, first: float, last: float) -> Tensor:
    return torch.linspace(first, last, steps + 1)


def mixture() -> Points:
    return Points(torch.tensor([[-1.0], [1.2]]), torch.tensor([0.35, 0.65]), torch.tensor([0.4, 0.3]))


def gaussian(mean: float = 1.5, std: float = 0.3) -> Points:
    return Points(torch.tensor([[mean]]), torch.ones(1), torch.tensor([std]))


def starts(path: Schedule, t: float) -> Tensor:
    """Nine points that cover the mixture at time `t`."""
    at = path(torch.tensor(t))
    return (0.3 * at.alpha + torch.hypot(at.alpha, at.sigma) * torch.linspace(-2, 2, 9))[:, None]


def moments(path: Schedule, t: float, law: Points) -> Moments:
    at = path(torch.tensor(t))
    assert law.std is not None
    return Moments(at.alpha * law.points[0], torch.square(at.alpha * law.std) + torch.square(at.sigma))


@pytest.fixture(scope="module")
def reference() -> Callable[[Schedule], Tensor]:
    """Where the exact flow of the mixture ends."""
    return cache(
        lambda path: run(rk4(), Exact(Affine(path), mixture()), starts(path, 0.8), grid(100, 0.8, 0.3), STREAMS)
    )


@pytest.mark.parametrize(("method", "expected"), STRONG, ids=["euler", "midpoint", "heun", "rk4", "reversible-heun"])
def test_order_on_a_mixture(
    method: Solver, expected: int, path: Schedule, reference: Callable[[Schedule], Tensor]
) -> None:
    exact, z, end = Exact(Affine(path), mixture()), starts(path, 0.8), reference(path)
    measured = order(lambda n: float((run(method, exact, z, grid(n, 0.8, 0.3), STREAMS) - end).norm()), (16, 32))
    assert measured == pytest.approx(expected, abs=0.15)


def test_the_flow_carries_a_gaussian_to_a_gaussian(path: Schedule) -> None:
    """The exact flow keeps the standardised coordinate."""
    law, u = gaussian(0.7, 0.5), torch.linspace(-2, 2, 9)[:, None]
    first, last = moments(path, 0.8, law), moments(path, 0.3, law)
    z = run(rk4(), Exact(Affine(path), law), first.mean + u * first.variance.sqrt(), grid(32, 0.8, 0.3), STREAMS)
    torch.testing.assert_close(z, last.mean + u * last.variance.sqrt(), rtol=0, atol=1e-6)


@pytest.mark.parametrize(("solver", "expected", "draws"), WEAK, ids=[repr(case[0]) for case in WEAK])
def test_weak_order_on_a_gaussian(solver: Solver, expected: int, draws: int, path: Schedule) -> None:
    """The exact mean and variance after the steps, against those of the marginal."""
    law = gaussian()
    exact, start, end = Exact(Affine(path), law), moments(path, 0.6, law), moments(path, 0.4, law)

    def error(steps: int) -> float:
        found = propagate(solver, exact, start, grid(steps, 0.6, 0.4), draws)
        return float((found.mean - end.mean).abs() / end.variance.sqrt() + (found.variance / end.variance - 1).abs())

    assert order(error, (16, 32)) == pytest.approx(expected, abs=0.15)


@pytest.mark.parametrize("solver", [S4(), PredictorCorrector()], ids=repr)
def test_a_corrector_with_small_steps_keeps_the_marginal(solver: Solver, path: Schedule) -> None:
    """What is left for many steps is the bias of Langevin steps of size 2 (r sigma)^2: (r sigma)^2 / variance."""
    law, draws = gaussian(), 3 if isinstance(solver, S4) else 2
    exact, start, end = Exact(Affine(path), law), moments(path, 0.6, law), moments(path, 0.4, law)
    coarse, fine = (propagate(solver, exact, start, grid(n, 0.6, 0.4), draws) for n in (32, 64))
    bias = float((2 * fine.variance - coarse.variance) / end.variance) - 1
    expected = 0.16**2 * float(torch.square(path.sigma(torch.tensor(0.4))) / end.variance)
    assert bias == pytest.approx(expected, rel=0.35)
    assert float((2 * fine.mean - coarse.mean - end.mean).abs() / end.variance.sqrt()) < 2e-3


def test_a_start_without_signal_costs_no_order() -> None:
    """Where g^2 is infinite the exchange of noise is bounded: still order one from the very source."""
    law, path = gaussian(0.7, 0.5), Rectified()
    end = moments(path, 0.5, law)

    def error(steps: int) -> float:
        found = propagate(EulerMaruyama(), Exact(Affine(path), law), moments(path, 1.0, law), grid(steps, 1.0, 0.5), 1)
        return float((found.variance / end.variance - 1).abs() + (found.mean - end.mean).abs())

    assert order(error, (16, 32, 64)) == pytest.approx(1, abs=0.15)
    assert error(64) < 0.03


class Relay:
    """An exact denoiser that speaks through a row, as a network would."""

    def __init__(self, exact: Exact, row: Linear) -> None:
        self.exact, self.row, self.process = exact, row, exact.process

    def __call__(self, z: Tensor, t: Tensor, cond: Any = None) -> Any:
        p, at = self.exact(z, t), self.process.at(t, z)
        return self.process.resolve(self.row.row(at).of(p.x, p.n), z, t)


def test_the_path_does_not_depend_on_what_the_network_predicts(path: Schedule, row: Linear) -> None:
    if isinstance(row, (Noise, Score)) and path.alpha(torch.ones(())) < 1e-6:
        return  # refused, see test_parametrization
    process, z, times = Affine(path, parametrization=row), starts(path, 0.9), grid(8, 0.9, 0.2)
    exact = Exact(process, mixture())
    spoken, direct = (run(heun(), denoise, z, times, STREAMS) for denoise in (Relay(exact, row), exact))
    torch.testing.assert_close(spoken, direct, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("solver", [heun(), rk4(), Strang(), EulerMaruyama()], ids=repr)
def test_a_state_moves_as_its_tensor(solver: Solver) -> None:
    """A product of one field is that field: same numbers from the same streams."""
    law, z = mixture(), starts(VP(), 0.9)
    one = Exact(Affine(VP()), law)
    product = Exact(Product({"x": Affine(VP())}), Points(State({"x": law.points}), law.weights, law.std))
    times, silent = grid(6, 0.9, 0.2), Silent(torch.zeros(9, dtype=torch.int64))
    alone, joint = run(solver, one, z, times, silent), run(solver, product, State({"x": z}), times, silent)
    torch.testing.assert_close(joint["x"], alone, rtol=1e-12, atol=1e-12)


class Silent(Streams):
    """Noise that is always one half, so that it does not matter which stream it came from."""

    def on(self, layout: Any) -> Streams:
        return self

    def normal(self, like: Tensor) -> Tensor:
        return torch.full_like(like, 0.5)


def test_independent_fields_move_as_each_alone(path: Schedule) -> None:
    """A product of two fields whose data are independent: four joint modes, and each field as if alone."""
    one, two = mixture(), Points(torch.tensor([[-0.5], [0.8]]), torch.tensor([0.6, 0.4]), torch.tensor([0.4, 0.3]))
    pairs = [(i, j) for i in range(2) for j in range(2)]
    # Both fields share the width of a point, so the joint law is a product where widths agree.
    widths = torch.tensor([0.4])
    a, b = Points(one.points, one.weights, widths.expand(2)), Points(two.points, two.weights, widths.expand(2))
    joint = Points(
        State({"a": torch.stack([a.points[i] for i, _ in pairs]), "b": torch.stack([b.points[j] for _, j in pairs])}),
        torch.stack([a.weights[i] * b.weights[j] for i, j in pairs]),
        widths.expand(4),
    )
    z, times = State({"a": starts(path, 0.9), "b": starts(path, 0.9).flip(0)}), grid(6, 0.9, 0.2)
    process = Product({"a": Affine(path), "b": Affine(path)})
    together = run(heun(), Exact(process, joint), z, times, STREAMS)
    for name, law in (("a", a), ("b", b)):
        alone = run(heun(), Exact(Affine(path), law), z[name], times, STREAMS)
        torch.testing.assert_close(together[name], alone, rtol=1e-9, atol=1e-9)
