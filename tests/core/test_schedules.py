"""Laws of the schedules and of the times on which training looks."""

from __future__ import annotations

import math

import pytest
import torch

from geodrift.objectives.times import LogitNormal, Shifted, TimeLaw
from geodrift.objectives.times import Uniform as UniformTimes
from geodrift.schedules import (
    EDM,
    OU,
    VE,
    VP,
    Bridge,
    Cosine,
    KineticOptimal,
    MeanReverting,
    Rectified,
    Residual,
    Schedule,
    SubVP,
    schedules,
)
from geodrift.testing.laws import INSIDE, check_schedule, check_time_law


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


def test_the_log_snr_tells_the_time(schedule: Schedule) -> None:
    """Closed forms and the search agree, from close to the data to close to the source."""
    t = torch.cat([torch.logspace(-5, -1, 5), torch.linspace(0.1, 0.999, 10)])
    log_snr = schedule.log_snr(t)
    at = schedule(t)
    torch.testing.assert_close(log_snr, torch.log(at.alpha / at.sigma), rtol=1e-12, atol=1e-12)
    # The log-SNR of these hardly moves near the data, where VE keeps its noise and a mean-reverting path its signal.
    tolerance = 1e-9 if isinstance(schedule, (VE, MeanReverting)) else 1e-13
    for found in (schedule.time(log_snr), Schedule.time(schedule, log_snr)):
        torch.testing.assert_close(found, t, rtol=tolerance, atol=0)
    assert schedule.time(log_snr[3].float()).dtype == torch.float64


def test_a_time_is_computed_once_in_a_run() -> None:
    """The same tensor gets the same coefficients, unless gradients are asked for or it was written to."""
    t, path = torch.tensor(0.3), VP()
    assert path(t) is not path(t)
    with torch.no_grad():
        first = path(t)
        assert path(t) is first
        assert VP()(t) is first
        assert Rectified()(t) is not first
        assert path(torch.tensor(0.3)) is not first
        t += 0.1
        torch.testing.assert_close(path(t).alpha, path.alpha(torch.tensor(0.4)))


def test_sub_vp_is_below_vp() -> None:
    at = SubVP()(INSIDE)
    assert torch.all(torch.square(at.alpha) + torch.square(at.sigma) < 1)


RATE = 0.1 + INSIDE * (20.0 - 0.1)
INTEGRAL = 0.1 * INSIDE + 0.5 * INSIDE**2 * (20.0 - 0.1)
LOG = torch.log(torch.tensor(5000.0, dtype=torch.float64))


def forgetting(t: torch.Tensor) -> torch.Tensor:
    """IR-SDE's cosine rate, before it is scaled to leave 0.005."""
    angle = (t + 0.008) / 1.008 * torch.pi / 2
    return 1 - torch.square(torch.cos(angle) / math.cos(0.008 / 1.008 * math.pi / 2))


MIDDLES = (torch.arange(100_000, dtype=torch.float64) + 0.5) / 100_000
REVERTING = math.log(200) * forgetting(INSIDE) / forgetting(MIDDLES).mean()
# Published coefficients of dz = f z dt + g dW: Song et al. (2021), equations 29 to 32 and appendix C; EDM's table 1.
SDES: dict[str, tuple[Schedule, torch.Tensor, torch.Tensor]] = {
    "vp": (VP(), -RATE / 2, RATE),
    "sub-vp": (SubVP(), -RATE / 2, RATE * (1 - torch.exp(-2 * INTEGRAL))),
    "ve": (VE(), 0 * INSIDE, 2 * LOG * torch.square(0.01 * torch.exp(LOG * INSIDE))),
    "ou": (OU(3.0, 0.5), -3 + 0 * INSIDE, 6 * 0.25 + 0 * INSIDE),
    "edm": (EDM(), 0 * INSIDE, 2 * 80.0**2 * INSIDE),
    "rectified": (Rectified(), -1 / (1 - INSIDE), 2 * INSIDE / (1 - INSIDE)),
    "cosine": (
        Cosine(),
        -torch.pi / 2 * torch.tan(torch.pi / 2 * INSIDE),
        torch.pi * torch.tan(torch.pi / 2 * INSIDE),
    ),
    "bridge": (
        Bridge(0.7),
        -1 / (1 - INSIDE),
        0.7**2 + 0 * INSIDE,
    ),  # of the residual; dz = (y - z) / (1 - t) dt + s dW
    "residual": (Residual(2.0), -1 / (1 - INSIDE), 2 * 4 * INSIDE / (1 - INSIDE)),
    "mean-reverting": (MeanReverting(), -REVERTING, 2 * (50 / 255) ** 2 * REVERTING),
    "kinetic-optimal": (KineticOptimal(), -1 / (1 - INSIDE), 2 * INSIDE / (1 - INSIDE)),
}


@pytest.mark.parametrize("kind", schedules.kinds)
def test_the_sde_is_the_published_one(kind: str) -> None:
    schedule, drift, diffusion = SDES[kind]
    at = schedule(INSIDE)
    torch.testing.assert_close(at.d_alpha / at.alpha, drift, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(at.diffusion, diffusion, rtol=1e-9, atol=1e-12)


def test_time_law(time_law: TimeLaw) -> None:
    check_time_law(time_law)


def test_shifted_times_multiply_the_ratio_of_noise_to_signal() -> None:
    """On the straight path, whatever law is shifted; a shift and its inverse cancel."""
    u = torch.linspace(0.01, 0.99, 9)
    for law in (UniformTimes(0.0), LogitNormal()):
        at, moved = Rectified()(law.place(u)), Rectified()(Shifted(3.0, law).place(u))
        torch.testing.assert_close(moved.sigma / moved.alpha, 3 * at.sigma / at.alpha)
        torch.testing.assert_close(Shifted(1 / 3, Shifted(3.0, law)).place(u), law.place(u))


def test_logit_normal_has_its_moments() -> None:
    u = (torch.arange(100_000) + 0.5) / 100_000
    logits = torch.logit(LogitNormal(-1.0, 0.5).place(u))
    torch.testing.assert_close(logits.mean(), torch.tensor(-1.0), atol=1e-3, rtol=0)
    torch.testing.assert_close(logits.std(), torch.tensor(0.5), atol=1e-3, rtol=0)
