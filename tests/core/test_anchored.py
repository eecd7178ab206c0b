"""Paths around a known point: mean-reverting diffusion, bridges and residual paths are affine ones seen from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from geodrift.denoiser import Denoiser
from geodrift.embeddings import OneHot
from geodrift.errors import InputError
from geodrift.guidance.cfg import ClassifierFree
from geodrift.layout import Padded
from geodrift.objectives import Matching
from geodrift.objectives.times import Uniform
from geodrift.parametrization import Data
from geodrift.prediction import Estimate
from geodrift.processes import Anchored, Jump, Process, Product
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.schedules import Bridge, MeanReverting, Residual, Schedule
from geodrift.solvers import Ancestral, EulerMaruyama, Solver, heun
from geodrift.solvers.grids import Grid
from geodrift.state import State
from geodrift.testing import kolmogorov_smirnov


@dataclass(frozen=True)
class Forgetting(Schedule):
    """An Ornstein–Uhlenbeck process."""

    rate: float = 4.0
    std: float = 0.5

    def alpha(self, t: Tensor) -> Tensor:
        return torch.exp(-self.rate * t)

    def sigma(self, t: Tensor) -> Tensor:
        return self.std * torch.sqrt(-torch.expm1(-2 * self.rate * t))


@dataclass(frozen=True, kw_only=True)
class Inside(Grid):
    """Times even in their logit: on a bridge, in the logarithm of the signal-to-noise ratio."""

    first: float = 1 / (1 + math.exp(-9))

    def place(self, steps: int, process: Process) -> Tensor:
        u = torch.arange(steps, 0, -1) / steps
        return torch.sigmoid(9 * (2 * u - 1)) / self.first


PATHS = [Forgetting(), Bridge(0.7), Residual(), Residual(0.5, 1.0, 0.5), MeanReverting(0.5)]


class Restoration:
    """The exact denoiser for data that are normal around twice their anchor, with standard deviation 0.3."""

    def __init__(self, schedule: Schedule) -> None:
        self.process = Anchored(schedule, anchor="low")

    def __call__(self, z: Tensor, t: Any, cond: Any = None) -> Estimate:
        at, mean = self.process.at(torch.as_tensor(t), z), cond["low"]
        gain = at.alpha * 0.3**2 / ((at.alpha * 0.3) ** 2 + at.sigma**2)
        x = mean + gain * (z - at.alpha * mean)
        return Estimate(x, (z - at.alpha * x) / at.sigma)


@pytest.mark.parametrize("schedule", PATHS, ids=repr)
@pytest.mark.parametrize("solver", [heun(), Ancestral(), EulerMaruyama()], ids=["heun", "ancestral", "euler-maruyama"])
@pytest.mark.parametrize("guided", [False, True])
def test_samples_have_the_law_of_the_data_given_the_anchor(schedule: Schedule, solver: Solver, guided: bool) -> None:
    n = 2000
    low = torch.linspace(-2, 2, n)[:, None]
    denoise: Any = Restoration(schedule)
    denoise = ClassifierFree(denoise, 3.0) if guided else denoise  # both branches know the anchor
    x = sample(denoise, torch.zeros(n, 1), solver, Streams.of(0, n), steps=80, grid=Inside(), cond={"low": low})
    assert kolmogorov_smirnov((x - 2 * low) / 0.3, torch.special.ndtr) < 3


@pytest.mark.parametrize("schedule", PATHS, ids=repr)
def test_the_state_has_the_published_law_in_the_frame_of_the_data(schedule: Schedule) -> None:
    process, x, y = Anchored(schedule, anchor="low"), torch.full((2, 5000), 0.7), torch.full((2, 5000), -1.3)
    t = torch.tensor([0.3, 0.8])
    draw, at = process.corrupt(process.enter(x, {"low": y}), t, Streams.of(1, 2)), schedule(t[:, None])
    z = process.leave(draw.z, {"low": y})
    assert kolmogorov_smirnov((z - at.alpha * x - (1 - at.alpha) * y) / at.sigma, torch.special.ndtr) < 3
    torch.testing.assert_close(process.leave(draw.x, {"low": y}), x)


def test_the_kernel_of_the_bridge_is_that_of_i2sb() -> None:
    """A Brownian bridge between the predicted data and the present state, whatever the known end."""
    process, y = Anchored(Bridge(0.7), anchor="low"), torch.tensor([0.4, -1.0])
    z, x, t, s = torch.tensor([0.3, 0.1]), torch.tensor([-0.5, 1.0]), torch.tensor(0.8), torch.tensor(0.3)
    at = process.schedule(t)
    residual = x - y
    law = process.kernel(Estimate(residual, (z - y - at.alpha * residual) / at.sigma), z - y, t, s)
    torch.testing.assert_close(law.mean + y, (1 - s / t) * x + s / t * z)
    torch.testing.assert_close(torch.square(law.std), 0.7**2 * s * (t - s) / t)


@pytest.mark.parametrize("schedule", [Forgetting(), MeanReverting(0.5)], ids=repr)
def test_steps_are_those_of_the_mean_reverting_sampler(schedule: Schedule) -> None:
    """MaRS's first-order steps in the data's own frame, by the ODE and by the SDE."""
    process, mu = Anchored(schedule, anchor="low"), torch.tensor([0.4, -1.0])
    x, q = torch.tensor([0.3, 0.1]), torch.tensor([-0.5, 1.0])
    t, s = torch.tensor(0.7), torch.tensor(0.4)
    now, then = schedule(t), schedule(s)
    p = Estimate(q - mu, (x - mu - now.alpha * (q - mu)) / now.sigma)
    h = torch.log(then.alpha / then.sigma) - torch.log(now.alpha / now.sigma)
    ratio = then.sigma / now.sigma
    ode = ratio * x - then.alpha * torch.expm1(-h) * q + mu * (1 - ratio + now.alpha * ratio - then.alpha)
    torch.testing.assert_close(process.kernel(p, x - mu, t, s, 0.0).mean + mu, ode)
    fade, gain = torch.exp(-2 * h), -torch.expm1(-2 * h)
    drift = mu * (1 - then.alpha / now.alpha * fade - then.alpha * gain)
    law = process.kernel(p, x - mu, t, s)
    torch.testing.assert_close(law.mean + mu, ratio * torch.exp(-h) * x + then.alpha * gain * q + drift)
    torch.testing.assert_close(law.std, then.sigma * torch.sqrt(gain))


class Seeing(nn.Module):
    """Answers zero and keeps what it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Any = None

    def forward(self, z: Any, t: Tensor, cond: Any) -> Any:
        self.seen = (z, dict(cond))
        return torch.zeros_like(z) if isinstance(z, Tensor) else z.map(torch.zeros_like)


def test_training_is_on_the_residual_and_never_drops_the_anchor() -> None:
    n, network = 64, Seeing()
    low, other = torch.linspace(-2, 2, n)[:, None], torch.ones(n)
    denoiser = Denoiser(network, Anchored(Residual(), anchor="low", parametrization=Data()))
    objective = Matching(Uniform(most=0.999), condition_dropout=0.9)
    loss = objective(denoiser, low + 3.0, {"low": low, "other": other}, Streams.of(0, n))
    assert float(loss.total) == pytest.approx(9.0), "the data are the residual, three everywhere"
    assert torch.equal(network.seen[1]["low"], low)
    assert torch.isnan(network.seen[1]["other"]).any()


def test_an_anchored_field_lives_beside_others() -> None:
    layout = Padded.of(torch.tensor([2, 1]))
    x = State({"a": torch.ones(2, 2), "b": torch.zeros(2, 2, dtype=torch.int64)}, {"a": layout, "b": layout})
    process = Product({"a": Anchored(Residual(), anchor="low"), "b": Jump.masked(3)})
    low = torch.full((2, 2), 5.0)  # also where nothing exists
    assert process.anchors == {"low"}
    entered = process.enter(x, {"low": low})
    assert entered["a"].tolist() == [[-4.0, -4.0], [-4.0, 0.0]]
    assert process.leave(entered, {"low": low})["a"].tolist() == [[1.0, 1.0], [1.0, 0.0]]


def test_what_cannot_be_is_refused() -> None:
    process = Anchored(Bridge(), anchor="low", parametrization=Data())
    like = torch.zeros(3, 2)
    with pytest.raises(InputError, match=r'no condition "low".*conditions given: other'):
        sample(Restoration(Residual()), like, heun(), Streams.of(0, 3), cond={"other": torch.ones(3)})
    with pytest.raises(InputError, match="shape"):
        process.enter(like, {"low": torch.zeros(3, 5)})
    with pytest.raises(InputError, match="classes have no difference"):
        Anchored(Bridge(), OneHot(3), anchor="low")
    cond = {"low": torch.zeros(3, 2)}
    with pytest.raises(InputError, match=r"no noise at time 1; use times below, such as 0\.999"):
        sample(Restoration(Bridge()), like, Ancestral(), Streams.of(0, 3), cond=cond)
    with pytest.raises(InputError, match="no noise at time 1"):
        Matching()(Denoiser(Seeing(), process), like, cond, Streams.of(0, 3))
    with pytest.raises(InputError, match="no noise at time 1"):
        Product({"a": process}).admit(torch.ones(1))


def test_predicted_data_are_taken_as_they_are_where_there_is_no_noise() -> None:
    process, raw = Anchored(Bridge(), anchor="low", parametrization=Data()), torch.tensor([[0.3, -2.0]])
    assert process.resolve(raw, torch.zeros(1, 2), torch.tensor(1.0)).x is raw
