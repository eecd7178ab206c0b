"""Networks and solvers that lose the numbers stop sampling, with the field, the time and the likely cause."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from geodrift.denoiser import Denoiser
from geodrift.embeddings import OneHot
from geodrift.errors import InputError
from geodrift.layout import Padded
from geodrift.processes import Affine, Jump, Product
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.schedules import VP
from geodrift.solvers import heun
from geodrift.state import State

PROCESS = Product({"nodes": Affine(VP(), OneHot(3)), "edges": Jump.masked(3)})


class Broken(nn.Module):
    """A network of zeros, some of which are replaced after a time."""

    def __init__(self, replace: Callable[[dict[str, Tensor]], None], before: float = 2.0) -> None:
        super().__init__()
        self.replace, self.before = replace, before

    def forward(self, inputs: State, t: Tensor, cond: Any) -> State:
        fields = {name: torch.zeros(*inputs[name].shape[:2], 3) for name in inputs}
        if float(t.max()) < self.before:
            self.replace(fields)
        return State(fields, inputs.layouts)


def like() -> State:
    """Graphs of three and two nodes."""
    zeros = torch.zeros(2, 3, dtype=torch.int64)
    return State(
        {"nodes": zeros, "edges": zeros},
        {"nodes": Padded.of(torch.tensor([3, 2])), "edges": Padded.of(torch.tensor([3, 1]))},
    )


def drawn(network: nn.Module) -> State:
    x: State = sample(Denoiser(network, PROCESS).eval(), like(), heun(), Streams.of(0, 2), steps=6)
    return x


@pytest.mark.parametrize("field", ["nodes", "edges"])
@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_network_without_numbers_is_named(field: str, number: float) -> None:
    def replace(fields: dict[str, Tensor]) -> None:
        fields[field][1, 0] = number

    with pytest.raises(
        InputError, match=f"of {field} is not finite at time 0.[0-9]+; the state was finite: the weights"
    ):
        drawn(Broken(replace, before=0.7))


def test_elements_that_do_not_exist_may_hold_anything() -> None:
    def replace(fields: dict[str, Tensor]) -> None:
        fields["nodes"][1, 2] = float("nan")

    assert torch.equal(drawn(Broken(replace))["nodes"], drawn(Broken(lambda fields: None))["nodes"])


def test_a_state_that_was_lost_before_is_the_cause() -> None:
    z = State({"nodes": torch.full((2, 3, 3), torch.nan), "edges": like()["edges"]}, like().layouts)

    class Echo(nn.Module):
        def forward(self, inputs: State, t: Tensor, cond: Any) -> State:
            return inputs.replace({"edges": torch.zeros(2, 3, 3)})

    with pytest.raises(InputError, match=r"at time 0.5; so was the state before \(nodes\): take more steps"):
        Denoiser(Echo(), PROCESS).eval()(z, torch.tensor(0.5))


def test_training_is_not_stopped_here() -> None:
    """It names a loss that is not finite by itself."""

    def replace(fields: dict[str, Tensor]) -> None:
        fields["nodes"][:] = float("nan")

    z = PROCESS.prior(PROCESS.enter(like(), {}), Streams.of(0, 2), torch.tensor(1.0))
    assert torch.isnan(Denoiser(Broken(replace), PROCESS).train().raw(z, torch.tensor(1.0))["nodes"]).all()
