"""Laws of the times on which solvers stop."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from geodrift.errors import InputError
from geodrift.processes import Affine, Jump, Product
from geodrift.rng import Streams
from geodrift.schedules import EDM, VP, Bridge, Cosine, Rectified, Schedule
from geodrift.solvers import euler, rk4, solvers
from geodrift.solvers.grids import Grid, Karras, LogSNR, Power, Trained, Uniform, grids, quadratic, train_grid
from geodrift.testing import Exact, Points, run
from geodrift.testing.laws import check_grid


def test_grid(grid: Grid, path: Schedule) -> None:
    ends_in_noise = path.sigma(torch.ones(())) > 0
    check_grid(grid if ends_in_noise else replace(grid, first=0.99), Affine(path))


@pytest.mark.parametrize("kind", sorted(set(grids.kinds) - {"trained"}))
def test_a_grid_may_start_below_one(kind: str) -> None:
    grid = grids.build({"kind": kind, "first": 0.99})
    check_grid(grid, Affine(Rectified()))
    assert grid(5, Affine(Rectified()))[0] == 0.99


def test_uniform_and_power_end_with_a_step_like_the_others() -> None:
    process = Affine(VP())
    torch.testing.assert_close(Uniform()(4, process), torch.tensor([1.0, 0.75, 0.5, 0.25]))
    torch.testing.assert_close(Power(2.0, first=0.5)(2, process), torch.tensor([0.5, 0.125]))


def test_karras_grid_is_even_in_the_root_of_the_noise() -> None:
    """Karras et al. (2022), equation 5, for sigma = 80 t: from 80 towards 0.002, evenly in sigma^(1/7)."""
    times = Karras()(18, Affine(EDM()))
    roots = torch.pow(80 * times, 1 / 7)
    torch.testing.assert_close(torch.diff(roots), torch.full((17,), (0.002 ** (1 / 7) - 80 ** (1 / 7)) / 17))
    torch.testing.assert_close(80 * times[-1], torch.tensor(0.002))


def test_quadratic_grid_is_even_in_the_root_of_the_time() -> None:
    times = quadratic(1e-4, first=0.9)(11, Affine(VP()))
    torch.testing.assert_close(torch.diff(times.sqrt()), torch.full((10,), (0.01 - 1) * 0.9**0.5 / 10))


@pytest.mark.parametrize("schedule", [VP(), EDM()], ids=repr)
def test_log_snr_grid_is_even_in_the_log_snr(schedule: Schedule) -> None:
    steps = torch.diff(schedule.log_snr(LogSNR()(9, Affine(schedule))))
    torch.testing.assert_close(steps, steps.mean().expand(8))


@pytest.mark.parametrize("schedule", [Rectified(), Cosine()], ids=repr)
def test_log_snr_grid_starts_without_signal(schedule: Schedule) -> None:
    """The first step comes from no signal at all to where the second even step would begin."""
    times = LogSNR(lowest=-4.0)(9, Affine(schedule))
    even = torch.linspace(-4, float(schedule.log_snr(times[-1])), 9)
    torch.testing.assert_close(schedule.log_snr(times[1:]), even[1:])
    assert times[0] == 1


def test_log_snr_grid_asks_the_first_field_that_has_a_clock() -> None:
    product = Product({"c": Jump.masked(3), "a": Affine(EDM()), "b": Affine(VP())})
    assert torch.equal(LogSNR()(7, product), LogSNR()(7, Affine(EDM())))
    with pytest.raises(InputError, match="choose uniform"):
        LogSNR()(7, Jump.masked(3))
    with pytest.raises(InputError, match="no signal and no noise"):
        LogSNR()(7, Affine(Bridge()))
    with pytest.raises(InputError, match="lowest"):
        LogSNR(least=0.5, lowest=3.0)(7, Affine(VP()))


def test_trained_grid_keeps_its_times_and_fills_in_others() -> None:
    grid = grids.build({"kind": "trained", "times": [1.0, 0.1, 0.001]})
    process = Affine(VP())
    torch.testing.assert_close(grid(3, process), torch.tensor([1.0, 0.1, 0.001]))
    torch.testing.assert_close(grid(5, process), torch.tensor([1.0, 0.1**0.5, 0.1, 0.01, 0.001]))
    for wrong in ((), (0.9, 0.1), (1.0, 0.1, 0.1), (1.0, 0.0)):
        with pytest.raises(InputError, match="fall from one"):
            Trained(wrong)


@pytest.mark.parametrize("kind", ["euler", "dpm++-2s", "dpm++-2m"])
def test_training_places_times_where_steps_are_worth_most(kind: str) -> None:
    """Six trained times leave less error than any six even ones."""
    path, rng = VP(), Streams.of(0, 64)
    law = Points(torch.tensor([[-1.0], [1.2]]), torch.tensor([0.35, 0.65]), torch.tensor([0.1, 0.1]))
    exact, solver = Exact(Affine(path), law), solvers.build(kind)
    z, fine = rng.normal(torch.empty(64, 1)), Karras(2.0, 1e-3)(33, exact.process)
    end = run(rk4(), exact, z, Karras(2.0, 1e-3)(129, exact.process), rng)
    grid = train_grid(exact, solver, z, fine, 6, rng)

    def error(times: torch.Tensor) -> float:
        return float((run(solver, exact, z, times, rng) - end).square().mean().sqrt())

    trained = error(grid(6, exact.process))
    for other in (Karras(1.0, 1e-3), LogSNR(), quadratic()):
        assert trained < 0.95 * error(other(6, exact.process)), other
    assert len(grid.times) == 6


def test_training_finds_the_shortest_path() -> None:
    """Of a point the flow is straight in time: one step is exact, and two times are enough."""
    path, rng = Rectified(), Streams.of(0, 4)
    exact = Exact(Affine(path), Points(torch.zeros(1, 1), torch.ones(1), torch.tensor([1e-6])))
    grid = train_grid(exact, euler(), torch.ones(4, 1), torch.linspace(1, 0.1, 9), 2, rng)
    torch.testing.assert_close(torch.tensor(grid.times), torch.tensor([1.0, 0.1]))
