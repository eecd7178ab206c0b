"""Laws of the objective that adds the Fokker–Planck residual, and of potentials."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from geodrift.denoiser import Denoiser
from geodrift.diagnostics.fokker_planck import density_residual, score_residual
from geodrift.diagnostics.traces import ExactTrace, Hutchinson, Trace
from geodrift.embeddings import OneHot
from geodrift.errors import InputError
from geodrift.layout import Padded
from geodrift.objectives import FokkerPlanck, Matching, Objective, objectives
from geodrift.objectives.collocation import Collocation
from geodrift.parametrization import Noise, Score
from geodrift.potential import Potential
from geodrift.processes import Affine, Jump, Product
from geodrift.rng import Streams
from geodrift.schedules import VP
from geodrift.state import State
from geodrift.testing import Points


class Net(nn.Module):
    """A small smooth network of one number, on tensors or on the fields of a state."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        smooth = nn.Softplus(20.0)
        self.body = nn.Sequential(nn.Linear(2, width), smooth, nn.Linear(width, width), smooth, nn.Linear(width, 1))

    def forward(self, z: Any, t: Tensor, cond: Any) -> Any:
        if isinstance(z, State):
            return z.map(lambda v: self.forward(v, t, cond)).masked()
        clock = 4 * t.reshape(-1, *(1,) * (z.ndim - 1)).expand(*z.shape[:-1], 1)
        return self.body(torch.cat([z, clock], -1))


def test_the_objective_adds_the_weighted_residual(trace: Trace) -> None:
    """Linear in the weight, the base untouched, and a gradient for every weight of the network."""
    x = torch.linspace(-1, 1, 8)[:, None]
    denoiser = Denoiser(Net(), Affine(VP(), parametrization=Noise()))
    base = Matching()(denoiser, x, {}, Streams.of(0, 8))
    small, large = (FokkerPlanck(w, trace=trace)(denoiser, x, {}, Streams.of(0, 8)) for w in (0.5, 2.0))
    assert float(small.parts["residual"]) > 0
    assert small.parts["loss"] == base.parts["loss"]
    torch.testing.assert_close(small.total - base.total, 0.5 * small.parts["residual"])
    torch.testing.assert_close(large.total - base.total, 2.0 * small.parts["residual"])
    (large.total - base.total).backward()
    gradients = [p.grad for p in denoiser.parameters()]
    assert all(g is not None and torch.isfinite(g).all() for g in gradients)
    assert sum(float(g.abs().sum()) for g in gradients if g is not None) > 0


def test_a_config_names_it_and_its_parts() -> None:
    built = objectives.build(
        {
            "kind": "fokker-planck",
            "weight": 0.1,
            "trace": {"kind": "hutchinson", "probes": 2},
            "base": {"kind": "matching", "condition_dropout": 0.3},
        }
    )
    assert built == FokkerPlanck(0.1, Matching(condition_dropout=0.3), Hutchinson(2))
    assert isinstance(built, Objective)


def test_padding_has_no_residual() -> None:
    """The loss of a padded state is that of its samples alone."""
    x = State({"a": torch.linspace(-1, 1, 6).reshape(2, 3, 1)}, {"a": Padded.of(torch.tensor([3, 1]))})
    process = Product({"a": Affine(VP(), parametrization=Noise())})
    denoiser, t = Denoiser(Net(), process), torch.tensor([0.3, 0.6])
    together = score_residual(denoiser, x, t, Streams.of(0, 2))["a"].detach()
    assert torch.all(together[1, 1:] == 0)
    alone = State({"a": x["a"][1:, :1]})
    single = score_residual(denoiser, alone, t[1:], Streams.of(0, 1))["a"].detach()
    torch.testing.assert_close(together[1, :1], single[0])
    loss = FokkerPlanck(1.0, trace=ExactTrace())(denoiser, x, {}, Streams.of(0, 2))
    assert torch.isfinite(loss.total)


def test_classes_have_no_fokker_planck_equation() -> None:
    process = Product({"nodes": Affine(VP(), OneHot(3)), "edges": Jump.masked(3)})
    z = State({"nodes": torch.zeros(2, 3), "edges": torch.zeros(2, dtype=torch.int64)})
    with pytest.raises(InputError, match="field edges"):
        score_residual(Denoiser(Net(), process), z, 0.5, Streams.of(0, 2))


class Number(nn.Module):
    """A smooth network of one number a sample."""

    def __init__(self) -> None:
        super().__init__()
        self.body = Net()

    def forward(self, y: Tensor, t: Tensor, cond: Any) -> Tensor:
        return self.body(y, t, cond)[:, 0]


def potential() -> Potential:
    return Potential(Number(), Affine(VP(), parametrization=Score(), weighting=Noise(), data_std=0.7))


def test_the_score_of_a_potential_is_the_gradient_of_its_log_density() -> None:
    model, t = potential(), torch.linspace(0.2, 0.9, 6)
    z = torch.linspace(-2, 2, 6)[:, None].requires_grad_()
    (gradient,) = torch.autograd.grad(model.log_prob(z, t).sum(), z)
    torch.testing.assert_close(model.process.score(model(z, t), z, t), gradient)
    with torch.no_grad():
        torch.testing.assert_close(model.process.score(model(z, t), z, t), gradient)
    with pytest.raises(InputError, match="predicts the score"):
        Potential(Number(), Affine(VP()))


def test_the_two_residuals_of_a_potential_agree() -> None:
    """The residual of the score is the gradient of the residual of the log-density."""
    model, t, h = potential(), torch.full((6,), 0.4), 1e-5
    z = torch.linspace(-2, 2, 6)[:, None]
    ahead, behind = (density_residual(model, z + step, t, Streams.of(0, 6)).detach() for step in (h, -h))
    found = score_residual(model, z, t, Streams.of(0, 6)).detach()
    torch.testing.assert_close(found[:, 0], (ahead - behind) / (2 * h), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("model", ["score", "potential"])
def test_training_brings_the_residual_down(model: str, collocation: Collocation) -> None:
    """A few steps of the regulariser alone against none."""
    torch.manual_seed(0)
    denoiser: Denoiser = potential() if model == "potential" else Denoiser(Net(), Affine(VP(), parametrization=Noise()))
    objective = FokkerPlanck(1.0, trace=ExactTrace(), collocation=collocation)
    law, tuner = mixture_of_a_line(), torch.optim.Adam(denoiser.parameters(), 3e-3)
    residuals = []
    for step in range(60):
        loss = objective(denoiser, law.sample(Streams.of(step, 32), 32), {}, Streams.of(1000 + step, 32))
        tuner.zero_grad()
        loss.total.backward()
        tuner.step()
        residuals.append(float(loss.parts["residual"]))
    assert sum(residuals[-10:]) < 0.5 * sum(residuals[:10])


def mixture_of_a_line() -> Points:
    return Points(torch.tensor([[-1.5], [0.0], [1.5]]), torch.ones(3) / 3, torch.full((3,), 0.25))
