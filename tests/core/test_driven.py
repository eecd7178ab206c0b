"""Solvers along a Brownian path, and the one that undoes its steps."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from geodrift.brownian import BrownianTree
from geodrift.errors import InputError
from geodrift.processes import Affine, Jump, Product
from geodrift.rng import Streams
from geodrift.schedules import VP, Rectified, Schedule
from geodrift.solvers import AdaptiveEulerMaruyama, DrivenEulerMaruyama, ReversibleHeun, Solver
from geodrift.state import State
from geodrift.testing import Counted, Exact, Points, assert_batch_invariant, order, run

COUNT = 60
STREAMS = Streams.of(0, COUNT)


def exact(path: Schedule) -> Exact:
    law = Points(torch.tensor([[-1.0], [1.2]]), torch.tensor([0.35, 0.65]), torch.tensor([0.4, 0.3]))
    return Exact(Affine(path), law)


def start() -> Tensor:
    return torch.linspace(-2, 2, COUNT)[:, None]


def grid(steps: int, first: float = 0.7, last: float = 0.4) -> Tensor:
    return torch.linspace(first, last, steps + 1)


PATH = VP(0.5, 5.0)


@cache
def end(solver: Solver, steps: int, seed: int = 0) -> Tensor:
    found: Tensor = run(solver, exact(PATH), start(), grid(steps), Streams.of(seed, COUNT))
    return found


def gap(one: Tensor, other: Tensor) -> float:
    return float((one - other).square().mean().sqrt())


@pytest.mark.parametrize(("solver", "steps"), [(DrivenEulerMaruyama(), (8, 16)), (ReversibleHeun(scale=1.0), (24, 48))])
def test_strong_order_one_of_the_reverse_sde(solver: Solver, steps: tuple[int, ...]) -> None:
    """Runs with different steps share their path; its noise does not depend on the state."""
    assert order(lambda n: gap(end(solver, n), end(solver, 2 * n)), steps) == pytest.approx(1, abs=0.25)
    assert gap(end(solver, 2 * steps[-1]), end(ReversibleHeun(scale=1.0), 96)) < 0.03


def test_fresh_noise_would_not_converge() -> None:
    """What the order is measured against: another path is as far away as another sample."""
    same, another = (end(DrivenEulerMaruyama(), 32, seed) for seed in (0, 1))
    assert gap(same, another) > 10 * gap(same, end(DrivenEulerMaruyama(), 16))


def test_adaptive_steps_keep_the_path_and_their_tolerance() -> None:
    errors, calls = [], []
    for tolerance in (0.1, 0.01):
        counted = Counted(exact(PATH))
        solver = AdaptiveEulerMaruyama(tolerance, tolerance)
        errors.append(gap(run(solver, counted, start(), grid(1), STREAMS), end(ReversibleHeun(scale=1.0), 96)))
        calls.append(counted.calls)
    assert errors[1] < errors[0] / 2
    assert errors[1] < 0.04
    assert calls[0] < calls[1] < 400


def test_each_sample_takes_steps_of_its_own() -> None:
    solver, z = AdaptiveEulerMaruyama(0.02, 0.02), start()
    _, (_, h) = solver.step(exact(PATH), z, torch.tensor(0.7), torch.tensor(0.5), solver.init(z, STREAMS), STREAMS)
    assert len(set(h.tolist())) > COUNT // 2

    def draw(index: Tensor) -> Tensor:
        found: Tensor = run(solver, exact(PATH), z[index], grid(1), Streams.of(0, index))
        return found

    assert_batch_invariant(draw, 4, sizes=(1,), atol=1e-12)


def there_and_back(solver: ReversibleHeun, denoise: Any, z: Any, times: Tensor) -> tuple[Any, Any, Any]:
    """The end, and both copies of the state that come back."""
    y, carry = z, solver.init(z, STREAMS)
    for t, s in pairwise(times):
        y, carry = solver.step(denoise, y, t, s, carry, STREAMS)
    end = y
    for s, t in pairwise(times.flip(0)):
        y, carry = solver.back(denoise, y, t, s, carry)
    return end, y, carry.z


@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_reversible_heun_undoes_its_steps(scale: float, path: Schedule) -> None:
    denoise, times = exact(path), grid(40, 0.8, 0.3)
    end, back, twin = there_and_back(ReversibleHeun(scale, apart=10.0), denoise, start(), times)
    assert float((end - start()).abs().max()) > 0.05
    torch.testing.assert_close(back, start(), rtol=0, atol=1e-10)
    torch.testing.assert_close(twin, start(), rtol=0, atol=1e-10)


def test_reversible_heun_undoes_the_steps_of_a_state() -> None:
    one = exact(VP()).law
    law = Points(State({"a": one.points, "b": -one.points}), one.weights, one.std)
    denoise = Exact(Product({"a": Affine(VP()), "b": Affine(Rectified())}), law)
    z = State({"a": start(), "b": start().flip(0)})
    _, back, _ = there_and_back(ReversibleHeun(0.5, apart=10.0), denoise, z, grid(10))
    for name in z:
        torch.testing.assert_close(back[name], z[name], rtol=0, atol=1e-10)


def test_one_prediction_a_step() -> None:
    counted = Counted(exact(VP()))
    run(ReversibleHeun(), counted, start(), grid(20), STREAMS)
    assert counted.calls == 20 + 1


def test_the_parasitic_mode_is_an_error() -> None:
    """Long steps where the noise is small: the flow contracts, and the two copies part."""
    narrow = Exact(Affine(VP()), Points(torch.tensor([[-1.0], [1.2]]), torch.ones(2) / 2, torch.full((2,), 0.003)))
    with pytest.raises(InputError, match=r"two copies of the state came apart.*more steps"):
        run(ReversibleHeun(), narrow, start(), grid(10, 1.0, 0.001), STREAMS)
    run(ReversibleHeun(apart=1e30), narrow, start(), grid(10, 1.0, 0.001), STREAMS)


@pytest.mark.parametrize(
    ("solver", "process", "message"),
    [
        (ReversibleHeun(), Product({"x": Affine(VP()), "c": Jump.masked(2)}), "field c jumps"),
        (ReversibleHeun(scale=1.0), Affine(Rectified()), "infinite noise where sampling starts"),
        (ReversibleHeun(), Jump.masked(2), "moves real fields"),
    ],
    ids=["jump", "infinite", "classes"],
)
def test_refusals(solver: Solver, process: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        solver.admit(process, torch.tensor([1.0, 0.5]))


def test_a_path_is_in_the_memory() -> None:
    carry = DrivenEulerMaruyama().init(start(), STREAMS)
    assert isinstance(carry, BrownianTree)
