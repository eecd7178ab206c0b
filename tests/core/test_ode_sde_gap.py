"""What the Fokker–Planck regulariser does to a training: three modes on a line, a short one."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from geodrift.denoiser import Denoiser
from geodrift.diagnostics.traces import ExactTrace
from geodrift.objectives import FokkerPlanck, Matching, Objective
from geodrift.objectives.times import Uniform
from geodrift.parametrization import Noise
from geodrift.processes import Affine
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.schedules import VP
from geodrift.solvers import EulerMaruyama, heun
from geodrift.testing import Points
from geodrift.testing.marginals import wasserstein

STEPS, BATCH, COUNT, TIMES = 400, 256, 6000, Uniform(least=1e-3)


class Net(nn.Module):
    """Two smooth layers."""

    def __init__(self) -> None:
        super().__init__()
        smooth = nn.Softplus(20.0)
        self.body = nn.Sequential(nn.Linear(2, 64), smooth, nn.Linear(64, 64), smooth, nn.Linear(64, 1))

    def forward(self, z: Tensor, t: Tensor, cond: Any) -> Tensor:
        answer: Tensor = self.body(torch.cat([z, t[:, None]], 1))
        return answer


def law() -> Points:
    return Points(torch.tensor([[-1.5], [0.0], [1.5]]), torch.ones(3) / 3, torch.full((3,), 0.25))


def trained(objective: Objective, seed: int) -> Denoiser:
    """After a short training with a falling rate."""
    torch.manual_seed(seed)
    denoiser = Denoiser(Net(), Affine(VP(8.0, 8.0), parametrization=Noise(), data_std=1.25))
    tuner = torch.optim.Adam(denoiser.parameters(), 2e-3)
    for step in range(STEPS):
        tuner.param_groups[0]["lr"] = 1e-3 * (1 + math.cos(math.pi * step / STEPS))
        index = torch.arange(BATCH) + BATCH * step
        loss = objective(denoiser, law().sample(Streams.of(seed, index), BATCH), {}, Streams.of(seed + 1000, index))
        tuner.zero_grad()
        loss.total.backward()
        tuner.step()
    return denoiser.eval()


def distances(denoiser: Denoiser) -> Tensor:
    """Between the samples of the ODE and the SDE, and of each from the data."""
    like = torch.zeros(COUNT, 1)
    ode = sample(denoiser, like, heun(), Streams.of(5, COUNT), steps=100)
    sde = sample(denoiser, like, EulerMaruyama(), Streams.of(6, COUNT), steps=400)
    data = law().sample(Streams.of(7, COUNT), COUNT)
    return torch.tensor([wasserstein(ode, sde), wasserstein(ode, data), wasserstein(sde, data)])


@pytest.mark.slow
def test_a_little_of_it_brings_the_ode_and_the_sde_together() -> None:
    """Over two trainings: the gap nearly halves, and both ways of sampling come closer to the data."""
    plain, regularised = Matching(times=TIMES), FokkerPlanck(0.01, Matching(times=TIMES), ExactTrace(), TIMES)
    before, after = (
        sum(distances(trained(objective, seed)) for seed in range(2)) for objective in (plain, regularised)
    )
    gap, ode, sde = (after / before).tolist()
    assert gap < 0.8
    assert ode < 0.95
    assert sde < 0.85
