"""Laws of the matching objective and of the denoiser that it trains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from geodrift.denoiser import Denoiser
from geodrift.embeddings import OneHot
from geodrift.layout import Padded
from geodrift.objectives import Matching
from geodrift.objectives.times import Power, TimeLaw
from geodrift.parametrization import Classes, Linear, Noise, Score
from geodrift.processes import Affine, Bayesian, Jump, Process, Product
from geodrift.processes.accuracy import Quadratic
from geodrift.processes.families import Categorical
from geodrift.rng import Streams
from geodrift.schedules import VP, Rectified, Schedule
from geodrift.state import State
from geodrift.testing import Exact, Points, kolmogorov_smirnov


class Recording(nn.Module):
    """Answers as told and keeps what it saw."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer, self.seen = answer, []  # type: ignore[var-annotated]

    def forward(self, z: Any, t: Tensor, cond: Mapping[str, Tensor]) -> Any:
        self.seen.append((z, t, dict(cond)))
        return self.answer(z)


def test_times_are_stratified_and_follow_their_law(time_law: TimeLaw) -> None:
    network, n = Recording(torch.zeros_like), 1000
    Matching(times=time_law)(Denoiser(network, Affine(VP())), torch.zeros(n, 1), {}, Streams.of(0, n))
    t = network.seen[0][1]
    edges = time_law.place(torch.linspace(1e-12, 1 - 1e-12, n + 1))
    assert torch.all((t >= edges[:-1] - 1e-12) & (t <= edges[1:] + 1e-12))
    levels = time_law.place(torch.linspace(1e-9, 1 - 1e-9, 20001))
    assert kolmogorov_smirnov(t, lambda v: torch.searchsorted(levels, v) / 20000) < 3


@pytest.mark.parametrize("time", [0.2, 0.6])
def test_the_exact_answer_is_stationary(path: Schedule, row: Linear, time: float) -> None:
    """The gradient of the loss at the conditional mean is uncorrelated with any function of the state."""
    if isinstance(row, (Noise, Score)) and path.alpha(torch.ones(())) < 1e-6:
        return  # refused, see test_parametrization
    n, t = 4000, torch.tensor(time)
    process = Affine(path, parametrization=row)
    exact = Exact(process, Points(torch.tensor([[-1.0], [1.2]]), torch.tensor([0.4, 0.6]), torch.tensor([0.3, 0.4])))
    draw = process.corrupt(exact.law.sample(Streams.of(0, n), n), t, Streams.of(1, n))
    p, at = exact(draw.z, t), path(t)
    raw = row.row(at).of(p.x, p.n).requires_grad_()
    (gradient,) = torch.autograd.grad(process.loss(raw, draw).sum(), raw)
    for probe in (torch.ones_like(draw.z), draw.z, torch.tanh(draw.z)):
        products = gradient * probe
        assert float(products.mean().abs() / products.std()) * n**0.5 < 3.5


@pytest.mark.parametrize(
    "process",
    [
        Jump.masked(3),
        Jump.uniform(3),
        Bayesian(Categorical(3), Quadratic()),
        Affine(Rectified(), OneHot(3), Classes()),
    ],
    ids=["masked", "uniform", "evidence", "classes"],
)
def test_the_exact_belief_has_the_least_loss(process: Process) -> None:
    n, t, weights = 20000, torch.tensor(0.6), torch.tensor([0.5, 0.3, 0.2])
    law = Points(torch.arange(3)[:, None], weights)
    x = law.sample(Streams.of(0, n), n)
    draw = process.corrupt(x, t, Streams.of(1, n))
    if isinstance(process, Affine):
        raw = torch.log(Exact(process, law)(draw.z, t).x)
    else:
        raw = Exact(process, law)(draw.z, t).log_probs.clamp(min=-50)
    least = process.loss(raw, draw).mean()
    for k in range(3):
        for change in (0.3, -0.3):
            other = raw.clone()
            other[..., k] += change
            assert process.loss(other, draw).mean() > least


def test_weights_scale_fields_and_parts_are_reported_without() -> None:
    process = Product({"a": Affine(VP()), "b": Jump.masked(3)})
    x = State({"a": torch.ones(4, 2), "b": torch.ones(4, 2, dtype=torch.int64)})
    denoiser = Denoiser(Recording(lambda z: State({"a": 0 * z["a"], "b": 0 * z["b"][..., :3]}, z.layouts)), process)
    plain = Matching()(denoiser, x, {}, Streams.of(0, 4))
    weighted = Matching(weights={"b": 5.0})(denoiser, x, {}, Streams.of(0, 4))
    assert plain.parts.keys() == {"a", "b"}
    assert plain.parts == weighted.parts
    torch.testing.assert_close(weighted.total, plain.parts["a"] + 5 * plain.parts["b"])


def test_every_sample_weighs_the_same_whatever_its_size() -> None:
    """The mean over a sample's own elements, then over samples."""
    layout = Padded.of(torch.tensor([1, 3]))
    process = Product({"b": Jump.uniform(3)})
    x = State({"b": torch.tensor([[0, 0, 0], [1, 1, 1]])}, {"b": layout})
    logits = torch.tensor([2.0, 0.0, -1.0])
    denoiser = Denoiser(Recording(lambda z: State({"b": logits.expand(2, 3, 3)}, z.layouts)), process)
    loss = Matching()(denoiser, x, {}, Streams.of(0, 2)).total
    torch.testing.assert_close(loss, -torch.log_softmax(logits, 0)[:2].mean())


def test_conditions_are_dropped_in_training() -> None:
    network, n = Recording(torch.zeros_like), 4000
    cond = {"q": torch.arange(n).double()}
    Matching(condition_dropout=0.25)(Denoiser(network, Affine(VP())), torch.zeros(n, 1), cond, Streams.of(0, n))
    gone = torch.isnan(network.seen[0][2]["q"])
    assert float(gone.double().mean()) == pytest.approx(0.25, abs=0.03)
    assert torch.isfinite(cond["q"]).all(), "the batch itself is left alone"


def test_gradients_reach_the_network() -> None:
    network = nn.Linear(3, 3)
    process = Product({"b": Jump.masked(3, elbo=True)})

    class Wrapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = network

        def forward(self, z: State, t: Tensor, cond: Mapping[str, Tensor]) -> State:
            return State({"b": self.inner(z["b"][..., :3])}, z.layouts)

    x = State({"b": torch.ones(8, 4, dtype=torch.int64)}, {"b": Padded.of(torch.tensor([4, 3, 2, 1, 4, 3, 2, 0]))})
    Matching(times=Power())(Denoiser(Wrapped(), process), x, {}, Streams.of(0, 8)).total.backward()
    for parameter in network.parameters():
        assert parameter.grad is not None
        assert torch.isfinite(parameter.grad).all()
    assert network.bias.grad.abs().sum() > 0


def test_a_denoiser_prepares_asks_and_resolves() -> None:
    process = Affine(VP(), data_std=0.5)
    network = Recording(lambda z: 3 * z)
    denoiser, z = Denoiser(network, process), torch.ones(4, 2)
    p = denoiser(z, torch.tensor(0.5))
    seen, times, cond = network.seen[0]
    torch.testing.assert_close(seen, process.inputs(z, torch.tensor(0.5)))
    assert times.tolist() == [0.5] * 4
    assert times.dtype == torch.get_default_dtype()
    assert cond == {}
    torch.testing.assert_close(p.x, process.resolve(3 * seen, z, torch.tensor(0.5)).x)
    assert denoiser.calls == 1
