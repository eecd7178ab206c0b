"""Laws of couplings: the marginals stay, the cost falls, and no condition gets another's source."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from geodrift.couplings import Assignment, Coupling, Independent, Paired, Sinkhorn, couplings
from geodrift.denoiser import Denoiser
from geodrift.embeddings import OneHot
from geodrift.errors import InputError
from geodrift.layout import Padded, Ragged
from geodrift.objectives import Matching
from geodrift.pairing import costs
from geodrift.processes import Affine, Jump, Product
from geodrift.rng import Streams
from geodrift.schedules import Rectified
from geodrift.spaces import Space
from geodrift.state import State
from geodrift.testing import correlation, kolmogorov_smirnov, ragged

PATH = Affine(Rectified())
COVARIANCE = torch.tensor([[2.0, -0.9], [-0.9, 0.6]], dtype=torch.float64)
# W2^2 of the standard normal law and this one is 2 + tr C - 2 tr R, with R the root of C, (tr R)^2 = tr C + 2 det R.
SPREAD = COVARIANCE.trace()
OPTIMAL = float(2 + SPREAD - 2 * (SPREAD + 2 * torch.linalg.det(COVARIANCE).sqrt()).sqrt())
TRANSPORTS = [Assignment(), Sinkhorn()]


def data(count: int, seed: int = 0) -> Tensor:
    normal = Streams.of(seed, count).normal(torch.empty(count, 2, dtype=torch.float64))
    return normal @ torch.linalg.cholesky(COVARIANCE).T


def cost(x: Tensor, n: Tensor) -> float:
    return float(torch.square(x - n).sum(1).mean())


def test_every_coupling_is_tested() -> None:
    assert {type(couplings.build(kind)) for kind in couplings.kinds} == {Independent, Assignment, Sinkhorn, Paired}


@pytest.mark.parametrize("coupling", TRANSPORTS, ids=repr)
def test_marginals_stay_and_the_cost_falls_towards_the_optimal_one(coupling: Coupling) -> None:
    found, sources = {}, {}
    for size in (2, 16, 128):
        x = data(min(1024, 50 * size))
        pairs = [
            coupling.pair(PATH, part, {}, Streams.of(seed, len(part))) for seed, part in enumerate(torch.split(x, size))
        ]
        sources[size] = torch.cat(pairs)
        found[size] = cost(x, sources[size])
    independent = float(2 + SPREAD)
    assert 0.95 * independent > found[2] > 1.2 * found[16] > 1.2 * found[128] > 1.2 * OPTIMAL
    assert found[128] < (1.4 if isinstance(coupling, Assignment) else 1.7) * OPTIMAL
    for entry in range(2):
        assert kolmogorov_smirnov(sources[16][:, entry], torch.special.ndtr) < 3
    assert abs(correlation(sources[16][:, 0], sources[16][:, 1])) < 3


def test_the_assignment_is_monotone_on_a_line() -> None:
    x = data(40)[:, :1]
    n = Assignment().pair(PATH, x, {}, Streams.of(1, 40))
    assert torch.equal(torch.argsort(x[:, 0]), torch.argsort(n[:, 0]))


def test_the_plan_of_sinkhorn_has_its_marginals_and_sharpens() -> None:
    x, n = data(64), Streams.of(1, 64).normal(torch.empty(64, 2))
    table = costs(PATH, x, n)
    plan = Sinkhorn(0.05, 500).plan(table)
    torch.testing.assert_close(plan.sum(0), torch.ones(64))
    torch.testing.assert_close(plan.sum(1), torch.ones(64), rtol=1e-3, atol=0)
    kernel = torch.log(plan) + table / (0.05 * table.mean())
    crossed = kernel - kernel[:1] - kernel[:, :1] + kernel[0, 0]
    torch.testing.assert_close(crossed, torch.zeros(64, 64), atol=1e-8, rtol=0)
    spent = [float((Sinkhorn(blur, 500).plan(table) * table).sum()) for blur in (1.0, 0.1, 0.01)]
    order = Assignment().order(table, Streams.of(0, 64))
    least = float(table[torch.arange(64), order].sum())
    assert spent[0] > spent[1] > spent[2] > least * 0.999
    assert spent[2] < 1.02 * least


def test_sinkhorn_draws_from_its_plan() -> None:
    """Two hundred pairs that may only be exchanged among themselves."""
    kind = torch.arange(400) // 2
    table = (1 - torch.eye(400)).masked_fill(kind[:, None] != kind, torch.inf)
    coupling = Sinkhorn(0.5, 50)
    plan, order = coupling.plan(table), coupling.order(table, Streams.of(0, 400))
    assert torch.equal(kind[order], kind)
    assert float(plan[0, 0]) == pytest.approx(1 / (1 + math.exp(-1 / 0.25)))
    assert float((order == torch.arange(400)).double().mean()) == pytest.approx(float(plan[0, 0]), abs=0.03)


@pytest.mark.parametrize("coupling", TRANSPORTS, ids=repr)
def test_conditions_keep_the_law_of_their_source(coupling: Coupling) -> None:
    """Data of two classes far apart: without the condition each class would get the nearer half of the source."""
    x, label = data(1024), torch.arange(1024) % 2
    x = x + 6 * label[:, None]
    cond = {"label": label.double(), "kind": torch.where(label == 1, torch.nan, 2.0)}
    for given, kept in ((cond, True), ({}, False)):
        parts = [torch.arange(128) + 128 * i for i in range(8)]
        conditions = [{name: v[part] for name, v in given.items()} for part in parts]
        n = torch.cat(
            [coupling.pair(PATH, x[part], of, Streams.of(9, part)) for part, of in zip(parts, conditions, strict=True)]
        )
        assert (kolmogorov_smirnov(n[label == 1, 0], torch.special.ndtr) < 3) == kept
        assert cost(x, n) < cost(x, data(1024, 5))


def sizes() -> State:
    layout = Padded.of(torch.tensor([3, 1, 3, 1, 2, 3]))
    a = Streams.of(0, 6).normal(torch.empty(6, 3, 2))
    b = torch.arange(18).reshape(6, 3) % 2
    return State({"a": a, "b": b, "c": b}, {"a": layout, "b": layout, "c": layout})


STATES = Product({"a": Affine(Rectified()), "b": Affine(Rectified(), OneHot(2)), "c": Jump.masked(2)})


@pytest.mark.parametrize("coupling", TRANSPORTS, ids=repr)
def test_padded_and_ragged_states_pair_alike_within_their_size(coupling: Coupling) -> None:
    padded = sizes()
    n, free = coupling.pair(STATES, padded, {}, Streams.of(3, 6)), STATES.partner(padded, Streams.of(3, 6))
    flat = coupling.pair(STATES, ragged(padded), {}, Streams.of(3, 6))
    layout = padded.layouts["a"]
    assert isinstance(layout, Padded)
    assert isinstance(flat.layouts["a"], Ragged)
    assert set(n) == {"a", "b"}, "classes have no source to pair"
    for name in n:
        torch.testing.assert_close(n[name][layout.present], flat[name])
    for i, length in enumerate(layout.lengths):
        same = layout.lengths == length
        assert (n["a"][i] == free["a"][same]).flatten(1).all(1).any(), "from a sample of the same size, whole"
    draw = STATES.corrupt(padded, torch.tensor(0.5), Streams.of(4, 6), n)
    torch.testing.assert_close(draw.z["a"], padded.masked()["a"] * 0.5 + n["a"] * 0.5)


class Around(Space[Tensor]):
    """The circle of circumference one."""

    embedded = False

    def project(self, z: Tensor) -> Tensor:
        return z % 1

    def tangent(self, z: Tensor, v: Tensor) -> Tensor:
        return v

    def exp(self, z: Tensor, v: Tensor) -> Tensor:
        return (z + v) % 1

    def log(self, z: Tensor, y: Tensor) -> Tensor:
        return (y - z + 0.5) % 1 - 0.5


def test_costs_are_distances_of_the_space_over_what_exists() -> None:
    padded = sizes()
    table = costs(STATES, padded, STATES.partner(padded, Streams.of(3, 6)))
    n = STATES.partner(padded, Streams.of(3, 6))
    difference = State({"a": padded["a"] - n["a"][[2]], "b": STATES.embed(padded)["b"] - n["b"][[2]]}, n.layouts)
    expected = sum(difference.layouts[k].sum(torch.square(v)) for k, v in difference.items())
    torch.testing.assert_close(table[[0, 2, 5], 2], expected[[0, 2, 5]])
    x, y = torch.tensor([[0.1], [0.5]]), torch.tensor([[0.9], [0.4]])
    round_trip = costs(Affine(Rectified(), space=Around()), x, y)
    torch.testing.assert_close(round_trip, torch.tensor([[0.04, 0.09], [0.16, 0.01]]))
    layout = Padded.of(torch.tensor([2, 2]), 3)
    state = State({"a": torch.tensor([[0.1, 0.2, 0.9], [0.5, 0.5, 0.0]])}, {"a": layout})
    other = State({"a": torch.tensor([[0.9, 0.2, 0.4], [0.4, 0.5, 0.3]])}, {"a": layout})
    table = costs(Product({"a": Affine(Rectified(), space=Around())}), state, other)
    torch.testing.assert_close(table, torch.tensor([[0.04, 0.18], [0.25, 0.01]]))


class Silent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.seen: Any = None

    def forward(self, z: Any, t: Tensor, cond: Any) -> Any:
        self.seen = (z, t, dict(cond))
        return torch.zeros_like(z) if isinstance(z, Tensor) else z.map(torch.zeros_like)


def test_training_takes_the_paired_source_and_hides_it_from_the_network() -> None:
    network, n = Silent(), torch.full((8, 2), 7.0)
    denoiser = Denoiser(network, Affine(Rectified()))
    cond = {"source": n, "label": torch.ones(8)}
    Matching(coupling=Paired(), condition_dropout=0.0)(denoiser, torch.zeros(8, 2), cond, Streams.of(0, 8))
    z, t, seen = network.seen
    torch.testing.assert_close(denoiser.process.inputs(7.0 * t[:, None].expand(8, 2), t), z)
    assert set(seen) == {"label"}


def test_paired_states_name_their_fields_and_missing_sources_are_refused() -> None:
    x = State({"a": torch.zeros(4, 2), "b": torch.zeros(4, 2, dtype=torch.int64)})
    process = Product({"a": PATH, "b": Jump.masked(2)})
    n = Paired("z").pair(process, x, {"z.a": torch.ones(4, 2)}, Streams.of(0, 4))
    assert set(n) == {"a"}
    assert Paired("z").left({"z.a": n["a"], "zeta": n["a"]}).keys() == {"zeta"}
    assert torch.all(process.corrupt(x, torch.tensor(1.0), Streams.of(0, 4), n).z["a"] == 1)
    for data in (x, x["a"]):
        with pytest.raises(InputError, match="reflow gives them"):
            Paired("z").pair(process, data, {}, Streams.of(0, 4))


def test_without_a_coupling_the_numbers_are_those_of_the_process() -> None:
    losses = []
    for objective in (Matching(), Matching(coupling=Independent())):
        losses.append(objective(Denoiser(Silent(), PATH), data(16), {}, Streams.of(0, 16)).total)
    assert losses[0] == losses[1]
    moved = Matching(coupling=Assignment())(Denoiser(Silent(), PATH), data(16), {}, Streams.of(0, 16)).total
    assert moved < losses[0], "the straight pairs are shorter"
