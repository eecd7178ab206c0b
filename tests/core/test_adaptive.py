"""Laws of the methods that choose their own steps."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from geodrift.errors import InputError
from geodrift.layout import Padded
from geodrift.processes import Affine, Jump, Product
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.schedules import EDM, OU, VP, Rectified, Schedule
from geodrift.solvers import Adaptive, rk4, solvers
from geodrift.solvers.adaptive import adaptive
from geodrift.solvers.grids import Trained
from geodrift.state import State
from geodrift.testing import Counted, Exact, Points, assert_batch_invariant, assert_same, pick, ragged, run

PAIRS = ["bosh3", "dopri5", "dpm-12", "dpm-23", "dpm++-12", "dpm++-23"]
pairs = pytest.mark.parametrize("kind", PAIRS)
T, S = torch.tensor([0.95, 0.1], dtype=torch.float64)


def mixture() -> Points:
    return Points(torch.tensor([[-1.0], [1.2]]), torch.tensor([0.35, 0.65]), torch.tensor([0.4, 0.3]))


def build(kind: str, tolerance: float) -> Adaptive:
    solver: Adaptive = solvers.build({"kind": kind, "rtol": tolerance, "atol": tolerance})
    return solver


def starts(path: Schedule) -> Tensor:
    at = path(T)
    return (0.3 * at.alpha + torch.hypot(at.alpha, at.sigma) * torch.linspace(-2, 2, 5))[:, None]


@pytest.fixture(scope="module", params=[Rectified(), VP(), EDM(20.0), OU()], ids=repr)
def flow(request: pytest.FixtureRequest) -> tuple[Exact, Tensor, Tensor]:
    """A denoiser, states and where the exact flow takes them."""
    path, before = request.param, torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    exact, z = Exact(Affine(path), mixture()), starts(path)
    ends = path.log_snr(torch.stack([T, S]).double())
    times = path.time(torch.linspace(float(ends[0]), float(ends[1]), 301))
    end = run(rk4(), exact, z, times, Streams.of(0, 5))
    torch.set_default_dtype(before)
    return exact, z, end


@pairs
def test_the_error_follows_the_tolerance(kind: str, flow: tuple[Exact, Tensor, Tensor]) -> None:
    """Thirty times the tolerance bound what all steps add up to; a tighter one costs more calls."""
    exact, z, end = flow
    calls = []
    for tolerance in (1e-2, 1e-4):
        counted, solver = Counted(exact), build(kind, tolerance)
        found, carry = solver.step(counted, z, T, S, solver.init(z, Streams.of(0, 5)), Streams.of(0, 5))
        assert float((found - end).abs().max()) < 30 * tolerance
        assert carry.calls == counted.calls, "every network call is counted"
        calls.append(counted.calls)
    assert calls[0] < calls[1]


@pairs
def test_every_sample_has_steps_of_its_own(kind: str) -> None:
    """Alone, in a batch, dense, padded or ragged: a sample takes the same steps to the same state."""
    lengths = torch.tensor([3, 1, 4])
    process = Product({"x": Affine(VP()), "y": Affine(OU(3.0, 0.5))})
    law = mixture()
    z = State(
        {"x": torch.linspace(-2, 2, 12).reshape(3, 4), "y": torch.linspace(1, -3, 12).reshape(3, 4)},
        {"x": Padded.of(lengths), "y": Padded.of(lengths)},
    ).masked()
    exact, solver = Separate(process, law), build(kind, 1e-2)

    def end(state: State) -> tuple[State, Tensor]:
        moved, carry = solver.step(exact, state, T, S, solver.init(state, Streams.of(0, 3)), Streams.of(0, 3))
        return moved, carry.h

    together, h = end(z)
    assert_batch_invariant(lambda index: end(pick(z, index))[0], 3, sizes=(1, 2), rtol=1e-12, atol=1e-12)
    assert len(h.unique()) == 3, "the steps differ"
    assert_same(dict(ragged(together)), dict(end(ragged(z))[0]), rtol=1e-9, atol=1e-9)


class Separate:
    """The exact denoiser of fields whose elements are all independent."""

    def __init__(self, process: Product, law: Points) -> None:
        self.process, self.law = process, law

    def __call__(self, z: State, t: Tensor, cond: object = None) -> object:
        times = self.process.times(t, z)
        predictions = {}
        for name, part in self.process.parts.items():
            rows = times[name].expand(len(z[name])) if times[name].ndim == 0 else times[name]
            each = rows[:, None].expand(len(rows), z[name][0].numel()).flatten()
            p = Exact(part, self.law)(z[name].reshape(-1, 1), each)
            predictions[name] = type(p)(p.x.view_as(z[name]), p.n.view_as(z[name]))
        return predictions


@pairs
def test_an_end_that_cuts_a_step_short_does_not_shorten_the_next(kind: str) -> None:
    exact, z, solver = Exact(Affine(VP()), mixture()), starts(VP()), build(kind, 1e-3)
    first = solver.init(z, Streams.of(0, 5))
    _, carry = solver.step(exact, z, T, T - 1e-6, first, Streams.of(0, 5))
    assert torch.all(carry.h >= first.h)
    assert carry.calls == 1 + solver.pair.calls


@pairs
def test_it_arrives_in_single_precision(kind: str) -> None:
    """No remainder is left that rounding swallows, whatever the steps add up to."""
    torch.set_default_dtype(torch.float32)
    n = 40
    law = Points(torch.tensor([[-1.0], [1.2]]), torch.tensor([0.35, 0.65]), torch.tensor([0.4, 0.3]))
    exact, rng = Exact(Affine(Rectified()), law), Streams.of(0, n)
    z, solver = rng.normal(torch.empty(n, 1)), build(kind, 1e-2)
    end = solver.step(exact, z, torch.tensor(0.999, dtype=torch.float64), S, solver.init(z, rng), rng)[0]
    assert end.dtype == torch.float32
    assert torch.isfinite(end).all()


def test_what_it_cannot_move_it_refuses() -> None:
    mixed = Product({"x": Affine(VP()), "c": Jump.masked(3)})
    for kind in PAIRS:
        with pytest.raises(InputError, match="jumps of field c"):
            solvers.build(kind).admit(mixed, torch.tensor([1.0, 0.5]))
    with pytest.raises(InputError, match="cannot start without signal"):
        solvers.build("dpm++-23").admit(Affine(Rectified()), torch.tensor([1.0, 0.5]))


def test_a_tolerance_that_cannot_be_met_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adaptive, "_TRIALS", 50)
    solver, z, rng = build("bosh3", 1e-30), starts(VP()), Streams.of(0, 5)
    with pytest.raises(InputError, match="raise rtol"):
        solver.step(Exact(Affine(VP()), mixture()), z, T, S, solver.init(z, rng), rng)


def test_sampling_has_the_law() -> None:
    n = 2000
    x = sample(
        Exact(Affine(Rectified()), mixture()),
        torch.zeros(n, 1),
        build("dopri5", 1e-3),
        Streams.of(0, n),
        steps=2,
        grid=Trained((1.0, 1e-3)),
    )
    assert abs(float((x > 0).double().mean()) - 0.65) < 0.035
