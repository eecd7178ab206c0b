"""A field that is given is seen, never moved, and costs no loss."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from geodrift.denoiser import Denoiser
from geodrift.embeddings import Identity, OneHot
from geodrift.layout import Ragged
from geodrift.objectives import Matching
from geodrift.processes import Affine, Given, Product
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.schedules import VP
from geodrift.solvers import S4, Ancestral, EulerMaruyama, PredictorCorrector, Solver, Strang, euler, heun
from geodrift.state import State

LAYOUT = Ragged.of(torch.tensor([2, 3]))
PROCESS = Product({"species": Given(OneHot(4)), "place": Affine(VP()), "weight": Given(Identity())})


def state() -> State:
    fields = {"species": torch.tensor([3, 0, 1, 1, 2]), "place": torch.zeros(5, 3), "weight": torch.arange(5.0)}
    return State(fields, dict.fromkeys(fields, LAYOUT))


class Looking(torch.nn.Module):
    """Answers with the sum of what it sees of the class, so that the data follow what is given."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(()))

    def forward(self, z: State, t: Tensor, cond: Any) -> State:
        assert z["species"].shape == (5, 4)
        which = self.scale * z["species"].argmax(-1).to(z["place"])
        return State({**z, "place": which[:, None].expand(5, 3) - z["place"]}, z.layouts)


SOLVERS = [euler(), heun(), Ancestral(), EulerMaruyama(), PredictorCorrector(), S4(), Strang()]


@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
def test_what_is_given_comes_out(solver: Solver) -> None:
    x = sample(Denoiser(Looking(), PROCESS), state(), solver, Streams.of(0, 2), steps=4)
    assert torch.equal(x["species"], state()["species"])
    assert torch.equal(x["weight"], state()["weight"])
    assert x["place"].shape == (5, 3)


def test_it_costs_no_loss_and_gives_no_gradient_to_its_answer() -> None:
    denoiser = Denoiser(Looking(), PROCESS)
    loss = Matching()(denoiser, state(), {}, Streams.of(0, 2))
    assert loss.parts["species"] == loss.parts["weight"] == 0
    assert loss.parts["place"] > 0
