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


@cache
def reference(path: Schedule) -> Tensor:
    end: Tensor = run(DrivenEulerMaruyama(), exact(path), start(), grid(256), STREAMS)
    return end


def gap(solver: Solver, path: Schedule, steps: int) -> float:
    return float((run(solver, exact(path), start(), grid(steps), STREAMS) - reference(path)).square().mean().sqrt())


@pytest.mark.parametrize("solver", [DrivenEulerMaruyama(), ReversibleHeun(scale=1.0)], ids=["euler", "reversible"])
def test_strong_order_one_of_the_reverse_sde(solver: Solver) -> None:
    """Runs with different steps share their path; its noise does not depend on the state."""
    steps = (8, 16, 32) if isinstance(solver, DrivenEulerMaruyama) else (32, 64)
    assert order(lambda n: gap(solver, VP(0.5, 5.0), n), steps) == pytest.approx(1, abs=0.25)


def test_fresh_noise_would_not_converge() -> None:
    """What the order is measured against: another path is as far away as another sample."""
    moved = run(DrivenEulerMaruyama(), exact(VP(0.5, 5.0)), start(), grid(64), Streams.of(1, COUNT))
    assert float((moved - reference(VP(0.5, 5.0))).std()) > 10 * gap(DrivenEulerMaruyama(), VP(0.5, 5.0), 64)


def test_adaptive_steps_keep_the_path_and_their_tolerance() -> None:
    path = VP(0.5, 5.0)
    errors, calls = [], []
    for tolerance in (0.1, 0.02):
        counted = Counted(exact(path))
        solver = AdaptiveEulerMaruyama(tolerance, tolerance)
        end = run(solver, counted, start(), grid(1), STREAMS)
        errors.append(float((end - reference(path)).square().mean().sqrt()))
        calls.append(counted.calls)
    assert errors[1] < errors[0] / 2
    assert errors[1] < 0.02
    assert calls[0] < calls[1] < 400


def test_each_sample_takes_steps_of_its_own() -> None:
    solver, z = AdaptiveEulerMaruyama(), start()
    _, (_, h) = solver.step(exact(VP()), z, torch.tensor(0.7), torch.tensor(0.5), solver.init(z, STREAMS), STREAMS)
    assert len(set(h.tolist())) > COUNT // 2

    def draw(index: Tensor) -> Tensor:
        end: Tensor = run(solver, exact(VP()), z[index], grid(2), Streams.of(0, index))
        return end

    assert_batch_invariant(draw, 6, atol=1e-12)


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
    denoise, times = exact(path), grid(100, 0.8, 0.3)
    end, back, twin = there_and_back(ReversibleHeun(scale), denoise, start(), times)
    assert float((end - start()).abs().max()) > 0.1
    torch.testing.assert_close(back, start(), rtol=0, atol=1e-10)
    torch.testing.assert_close(twin, start(), rtol=0, atol=1e-10)


def test_reversible_heun_undoes_the_steps_of_a_state() -> None:
    one = exact(VP()).law
    law = Points(State({"a": one.points, "b": -one.points}), one.weights, one.std)
    denoise = Exact(Product({"a": Affine(VP()), "b": Affine(Rectified())}), law)
    z = State({"a": start(), "b": start().flip(0)})
    _, back, _ = there_and_back(ReversibleHeun(0.5), denoise, z, grid(40))
    for name in z:
        torch.testing.assert_close(back[name], z[name], rtol=0, atol=1e-10)


def test_one_prediction_a_step() -> None:
    counted = Counted(exact(VP()))
    run(ReversibleHeun(), counted, start(), grid(20), STREAMS)
    assert counted.calls == 20 + 1


def test_the_parasitic_mode_is_an_error() -> None:
    """Long steps where the noise is small: the flow contracts, and the two copies part."""
    narrow = Exact(Affine(VP()), Points(torch.tensor([[0.0]]), torch.ones(1), torch.tensor([0.01])))
    with pytest.raises(InputError, match="two copies of the state came apart.*more steps"):
        run(ReversibleHeun(), narrow, start(), grid(12, 0.9, 0.001), STREAMS)
    run(ReversibleHeun(apart=1e30), narrow, start(), grid(12, 0.9, 0.001), STREAMS)


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
