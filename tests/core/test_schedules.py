"""Laws of the schedules, the times on which solvers stop and the times on which training looks."""

from __future__ import annotations

import pytest
import torch

from geodrift.objectives.times import LogitNormal, TimeLaw
from geodrift.schedules import VE, Schedule, SubVP
from geodrift.solvers.grids import Grid, Karras
from geodrift.testing.laws import INSIDE, check_grid, check_schedule, check_time_law


def test_laws(schedule: Schedule) -> None:
    check_schedule(schedule, starts_at_data=not isinstance(schedule, VE))


def test_laws_notice_a_wrong_schedule() -> None:
    class Returning(Schedule):
        def alpha(self, t: torch.Tensor) -> torch.Tensor:
            return torch.ones_like(t)

        def sigma(self, t: torch.Tensor) -> torch.Tensor:
            return torch.sin(3 * t)

    with pytest.raises(AssertionError, match="signal-to-noise"):
        check_schedule(Returning())


def test_derivatives_in_float32_and_for_any_shape(schedule: Schedule) -> None:
    t = INSIDE.reshape(7, 7)
    fine, coarse = schedule(t), schedule(t.float())
    assert coarse.d_sigma.shape == (7, 7)
    assert coarse.d_sigma.dtype == torch.float32
    torch.testing.assert_close(coarse.d_sigma.double(), fine.d_sigma, rtol=2e-4, atol=1e-5)
    torch.testing.assert_close(schedule(INSIDE[3]).d_alpha, schedule(INSIDE).d_alpha[3])


def test_sub_vp_is_below_vp() -> None:
    at = SubVP()(INSIDE)
    assert torch.all(torch.square(at.alpha) + torch.square(at.sigma) < 1)


def test_grid(grid: Grid) -> None:
    check_grid(grid)


def test_karras_grid_is_even_in_the_root_of_the_noise() -> None:
    """Karras et al. (2022), equation 5, for sigma = 80 t: from 80 towards 0.002, evenly in sigma^(1/7)."""
    roots = torch.pow(80 * Karras()(18), 1 / 7)
    torch.testing.assert_close(torch.diff(roots), torch.full((17,), (0.002 ** (1 / 7) - 80 ** (1 / 7)) / 18))


def test_time_law(time_law: TimeLaw) -> None:
    check_time_law(time_law)


def test_logit_normal_has_its_moments() -> None:
    u = (torch.arange(100_000) + 0.5) / 100_000
    logits = torch.logit(LogitNormal(-1.0, 0.5).place(u))
    torch.testing.assert_close(logits.mean(), torch.tensor(-1.0), atol=1e-3, rtol=0)
    torch.testing.assert_close(logits.std(), torch.tensor(0.5), atol=1e-3, rtol=0)
