"""Laws of stratified unmasking."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from geodrift.errors import InputError
from geodrift.layout import Padded, Ragged
from geodrift.processes import Affine, Belief, Jump, Predictions, Product
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.schedules import VP, Cosine
from geodrift.solvers import PredictorCorrector, Reveal
from geodrift.solvers.reveal import order
from geodrift.state import State
from geodrift.testing import Exact, Points, chi_square


def test_as_many_steps_as_entries_sample_the_joint_law() -> None:
    """Two nodes and an edge of two classes, as dependent as can be."""
    points = torch.tensor(list(product(range(2), repeat=3)))
    weights = torch.tensor([0.30, 0.01, 0.02, 0.17, 0.03, 0.22, 0.24, 0.01])
    law = Points(State({"nodes": points[:, :2], "edges": points[:, 2:]}), weights)
    process, n = Product({"nodes": Jump.masked(2), "edges": Jump.masked(2)}), 20000
    like = State({"nodes": torch.zeros(n, 2, dtype=torch.int64), "edges": torch.zeros(n, 1, dtype=torch.int64)})

    def fit(steps: int) -> float:
        x = sample(Exact(process, law), like, Reveal(), Streams.of(0, n), steps=steps)
        place = x["nodes"][:, 0] * 4 + x["nodes"][:, 1] * 2 + x["edges"][:, 0]
        return chi_square(torch.bincount(place, minlength=8).double(), weights)

    assert fit(3) < 3
    assert fit(1) > 100, "entries revealed together are drawn independently"


def test_order_counts_present_entries_of_all_fields() -> None:
    layouts = {"nodes": Padded.of(torch.tensor([3, 1])), "edges": Padded.of(torch.tensor([3, 0]), 3)}
    z = State({"nodes": torch.zeros(2, 3, dtype=torch.int64), "edges": torch.zeros(2, 3, dtype=torch.int64)}, layouts)
    places = order(z, Streams.of(0, 2))
    both = torch.cat([places["nodes"], places["edges"]], 1)
    torch.testing.assert_close(both[0].sort()[0], (torch.arange(6) + 0.5) / 6)
    assert places["nodes"][1, 0] == 0.5
    assert torch.all(both[1, 1:] > 1), "what does not exist is never revealed"


def test_orders_are_uniform() -> None:
    z = State({"x": torch.zeros(6000, 3, dtype=torch.int64)})
    ranks = (order(z, Streams.of(1, 6000))["x"] * 3 - 0.5).round().long()
    permutation = ranks[:, 0] * 3 + ranks[:, 1]
    counts = torch.bincount(permutation, minlength=9).double()
    assert chi_square(counts, torch.tensor([0, 1, 1, 1, 0, 1, 1, 1, 0]) / 6) < 3


def test_the_schedule_of_a_field_says_how_much_is_known() -> None:
    process = Product({"a": Jump.masked(2), "b": Jump.masked(2, schedule=Cosine())})
    like = State({name: torch.zeros(1, 1000, dtype=torch.int64) for name in "ab"})
    exact = Exact(process, Points(like, torch.ones(1)))
    z, rng, t, s = process.prior(like, Streams.of(0, 1)), Streams.of(0, 1), torch.ones(()), torch.tensor(0.4)
    moved, _ = Reveal().step(exact, z, t, s, Reveal().init(z, rng), rng)
    assert float((moved["a"] != 2).double().mean()) == pytest.approx(0.6, abs=0.03)
    assert float((moved["b"] != 2).double().mean()) == pytest.approx(float(Cosine().alpha(s)), abs=0.03)


def test_a_process_without_mask_is_refused() -> None:
    like = State({"x": torch.zeros(1, 2, dtype=torch.int64)})
    exact = Exact(Product({"x": Jump.uniform(2)}), Points(like, torch.ones(1)))
    with pytest.raises(InputError, match="reveal"):
        sample(exact, like, Reveal(), Streams.of(0, 1), steps=3)


def test_what_it_cannot_order_is_refused() -> None:
    ragged = Ragged.of(torch.tensor([2, 1]))
    with pytest.raises(InputError, match="named, dense or padded fields"):
        order(State({"x": torch.zeros(3, dtype=torch.int64)}, {"x": ragged}), Streams.of(0, 2))
    with pytest.raises(InputError, match="named, dense or padded fields"):
        order(torch.zeros(3, 2, dtype=torch.int64), Streams.of(0, 3))


def test_a_corrector_keeps_the_order_of_its_predictor() -> None:
    """The order is drawn once, by whichever solver moves in time."""
    process = Product({"nodes": Jump.masked(2), "size": Affine(VP())})
    points = State({"nodes": torch.tensor([[0, 1, 0], [1, 0, 1]]), "size": torch.tensor([[-1.0], [1.0]])})
    law = Points(points, torch.tensor([0.5, 0.5]), torch.full((2,), 0.1))
    like = State({"nodes": torch.zeros(50, 3, dtype=torch.int64), "size": torch.zeros(50, 1)})
    alone, corrected = (
        sample(Exact(process, law), like, solver, Streams.of(0, 50), steps=3)
        for solver in (Reveal(), PredictorCorrector(predictor=Reveal()))
    )
    assert all(row in ([0, 1, 0], [1, 0, 1]) for row in corrected["nodes"].tolist())
    assert all(row in ([0, 1, 0], [1, 0, 1]) for row in alone["nodes"].tolist())


def test_every_tensor_stays_on_its_device() -> None:
    """Shapes without numbers find what would be a mix of processor and card."""
    process = Product({"nodes": Jump.masked(2)})
    z = State({"nodes": torch.full((4, 3), 2, device="meta")})

    class Believing:
        def __init__(self) -> None:
            self.process = process

        def __call__(self, z: State, t: torch.Tensor, cond: object = None) -> Predictions:
            return Predictions({"nodes": Belief(torch.zeros(4, 3, 2, device="meta"))})

    rng, now, then = Streams.of(0, 4, "meta"), torch.tensor(0.5), torch.tensor(0.25)
    carry = order(z, rng)
    moved, _ = Reveal().step(Believing(), z, now, then, carry, rng)
    assert moved["nodes"].device.type == "meta"
