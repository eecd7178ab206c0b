"""The published periodic Bayesian flow as it is trained: in its steps, with the entropies that it has."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from geodrift.denoiser import Denoiser
from geodrift.embeddings import Identity
from geodrift.objectives import Matching
from geodrift.parametrization import Velocity
from geodrift.processes import Affine, Bayesian, Product
from geodrift.processes.accuracy import Exponential
from geodrift.processes.families import Gaussian
from geodrift.processes.von_mises import VonMisesFlow
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.schedules import Rectified
from geodrift.solvers import Ancestral
from geodrift.state import State
from geodrift.testing.perfect import Perfect
from geodrift.von_mises import entropy

TURN = 2 * math.pi


@pytest.mark.parametrize(("steps", "i", "realised", "line"), [(50, 12, 1.077, 0.908), (1000, 250, 1.039, 0.870)])
def test_realised_entropies_are_above_the_line(steps: int, i: int, realised: float, line: float) -> None:
    """The published search takes the belief's direction for the true one: figures of the published tables."""
    process, n = VonMisesFlow(steps, period=TURN), 6000 if steps < 100 else 800
    z = process.corrupt(torch.zeros(n), torch.tensor(1 - i / steps), Streams.of(0, n)).z
    found = entropy(z.norm(dim=1))
    share = i / steps
    aimed = (1 - share) * math.log(TURN) + share * float(entropy(torch.tensor(1000.0)))
    assert aimed == pytest.approx(line, abs=0.001)
    assert float(found.mean()) == pytest.approx(realised, abs=0.02)
    assert float(found.mean()) > aimed + 0.1


class Recording(nn.Module):
    """A network that keeps the times it was asked at."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.times: list[Tensor] = []

    def forward(self, z: State, t: Tensor, cond: Any) -> State:
        self.times.append(t)
        return State({"angle": self.weight * z["angle"][..., :1], "size": self.weight * z["size"]}, z.layouts)


def process(steps: int = 10) -> Product:
    return Product({"angle": VonMisesFlow(steps), "size": Bayesian(Gaussian(), Exponential(0.03))})


def data(n: int) -> State:
    return State({"angle": torch.linspace(0, 0.9, n)[:, None], "size": torch.ones(n, 2)})


def test_training_looks_at_the_beginnings_of_steps() -> None:
    network, n = Recording(), 1000
    loss = Matching()(Denoiser(network, process()), data(n), {}, Streams.of(0, n)).total
    assert torch.isfinite(loss)
    times, counts = network.times[0].unique(return_counts=True)
    torch.testing.assert_close(times, torch.arange(1, 11) / 10)
    assert counts.max() - counts.min() <= 2, "each as often"


def test_a_process_of_parts_has_their_steps() -> None:
    assert process(7).steps == 7
    assert Product({"size": Affine(Rectified())}).steps is None


def test_evidence_of_the_steps_is_that_of_the_continuous_flow() -> None:
    """Accuracies of the published Gaussian flow, alpha_i = sigma^(-2 i / n) (1 - sigma^(2 / n)), and its losses."""
    part, n, sigma = Bayesian(Gaussian(), Exponential(0.03)), 10, 0.03
    i = torch.arange(1, n + 1).double()
    received = part.rho(1 - i / n) - part.rho(1 - (i - 1) / n)
    torch.testing.assert_close(received, sigma ** (-2 * i / n) * (1 - sigma ** (2 / n)))
    published = n * (1 - sigma ** (2 / n)) / 2 * sigma ** (-2 * i / n)
    ratio = published / (part.accuracy.rate(1 - (i - 1) / n) / 2)
    torch.testing.assert_close(ratio, ratio[:1].expand(n))


def test_known_data_return_in_its_steps() -> None:
    x = data(5)
    found = sample(Perfect(process(), x), x, Ancestral(), Streams.of(0, 5), steps=10)
    torch.testing.assert_close(found["angle"], x["angle"], atol=1e-6, rtol=0)
    torch.testing.assert_close(found["size"], x["size"], atol=1e-6, rtol=0)


def test_fields_move_in_equally_many_steps() -> None:
    flow = VonMisesFlow
    real = Affine(Rectified(), Identity(2), Velocity())
    assert Product({"a": flow(5), "b": real, "c": flow(5)}).steps == 5
    with pytest.raises(ValueError, match=r"equally many steps, not {'a': 5, 'c': 6}"):
        Product({"a": flow(5), "b": real, "c": flow(6)})
