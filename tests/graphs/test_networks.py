"""Laws of the networks: permutations commute, padding is invisible, every size works, gradients are finite."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import networkx as nx
import pytest
import torch
from torch import Tensor, nn

from geodrift.errors import InputError
from geodrift.layout import Padded
from geodrift.spaces import symmetric
from geodrift.state import State
from geodrift_graphs.networks.features import Features, Structure, cycles
from geodrift_graphs.networks.gdss import ScoreNetworks, normalised
from geodrift_graphs.networks.transformer import GraphTransformer

ORDERS = (0.0, 1.0, 2.0, 3.0, 0.0)
NODES = 4
EVERY = ("rrwp", "valence", "degree", "component", "cycles")
SCALES = {"qed": (0.5, 0.1)}


def transformer(**settings: object) -> nn.Module:
    return GraphTransformer(
        NODES, len(ORDERS), 3, 4, ORDERS, hidden=32, edge_hidden=16, layers=2, heads=4, conditions=SCALES, **settings
    )


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "transformer": transformer,
    "transformer, every feature": lambda: transformer(features=EVERY),
    "transformer, no feature": lambda: transformer(features=()),
    "gdss": lambda: ScoreNetworks(NODES, 3, 4, ORDERS, conditions=SCALES),
    "gdss without time": lambda: ScoreNetworks(NODES, 3, 4, ORDERS, clock=0),
}


@pytest.fixture(params=NETWORKS)
def network(request: pytest.FixtureRequest) -> nn.Module:
    """A network with every weight away from its initial value, so that no zero hides a path."""
    torch.manual_seed(0)
    net = NETWORKS[request.param]().double()
    with torch.no_grad():
        for weight in net.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return net


def layouts(sizes: Tensor, nodes: int) -> dict[str, Padded]:
    return {"nodes": Padded.of(sizes, nodes), "edges": Padded.of(sizes * (sizes - 1) // 2, symmetric.size(nodes))}


def noisy(sizes: list[int], nodes: int) -> State:
    """Random real channels, negative ones too, and noise where nothing exists."""
    rng = torch.Generator().manual_seed(1)
    fields = {
        "nodes": torch.randn(len(sizes), nodes, NODES, generator=rng, dtype=torch.float64),
        "edges": torch.randn(len(sizes), symmetric.size(nodes), len(ORDERS), generator=rng, dtype=torch.float64),
    }
    return State(fields, layouts(torch.tensor(sizes), nodes))


def answer(network: nn.Module, z: State) -> State:
    t = torch.linspace(0.2, 0.9, len(z["nodes"])).to(z["nodes"])
    out: State = network(z, t, {"qed": torch.full_like(t, 0.7)})
    return out


def permuted(z: State, order: Tensor) -> State:
    edges = symmetric.unpack(z["edges"], len(order))[:, order][:, :, order]
    return z.replace({"nodes": z["nodes"][:, order], "edges": symmetric.pack(edges)})


def cut(z: State, sizes: list[int], nodes: int) -> State:
    return State(
        {"nodes": z["nodes"][:, :nodes], "edges": z["edges"][:, : symmetric.size(nodes)]},
        layouts(torch.tensor(sizes), nodes),
    )


def same(a: State, b: State, tolerance: float = 1e-5) -> None:
    for name in a:
        torch.testing.assert_close(a[name], b[name], atol=tolerance, rtol=tolerance)


def test_permuting_the_nodes_permutes_the_answer(network: nn.Module) -> None:
    z = noisy([7, 7], 7)
    order = torch.tensor([3, 0, 6, 2, 5, 1, 4])
    same(answer(network, permuted(z, order)), permuted(answer(network, z), order))
    assert answer(network, z)["edges"].std(1).min() > 1e-3  # the law would hold for a constant


def test_padding_is_never_seen(network: nn.Module) -> None:
    sizes = [4, 5, 1]
    z = noisy(sizes, 8)
    padded, tight = answer(network, z), answer(network, cut(z, sizes, 5))
    same(cut(padded, sizes, 5), tight)
    noise = noisy(sizes, 8).map(lambda x: 100 * x.flip(1))
    filled = z.map(lambda x, there, other: torch.where(there == 1, x, other), z.map(torch.ones_like).masked(), noise)
    same(answer(network, filled), padded)
    same(padded, padded.masked(), 0)


def test_samples_do_not_see_their_batch(network: nn.Module) -> None:
    z = noisy([6, 3, 5], 6)
    t, cond = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64), {"qed": torch.tensor([0.1, torch.nan, 0.9])}
    together = network(z, t, cond)
    for i in range(3):
        one = State({name: x[i : i + 1] for name, x in z.items()}, layouts(torch.tensor([[6, 3, 5][i]]), 6))
        alone = network(one, t[i : i + 1], {"qed": cond["qed"][i : i + 1]})
        same(alone, together.map(lambda x, i=i: x[i : i + 1]), 1e-10)


@pytest.mark.parametrize("nodes", [1, 2, 9, 40])
def test_every_size_has_an_answer(network: nn.Module, nodes: int) -> None:
    out = answer(network.float(), noisy([nodes, 1], nodes).map(Tensor.float))
    assert out["nodes"].shape == (2, nodes, 3)
    assert out["edges"].shape == (2, symmetric.size(nodes), 4)
    assert all(x.isfinite().all() and x.dtype == torch.float32 for x in out.values())


def test_gradients_are_finite_and_reach_every_weight(network: nn.Module) -> None:
    z = noisy([6, 1, 4], 6)
    z = z.replace({"edges": torch.zeros_like(z["edges"])})  # no bond at all: degrees of zero
    sum(x.square().sum() for x in answer(network, z).values()).backward()
    gradients = {name: weight.grad for name, weight in network.named_parameters() if "conditioner" not in name}
    assert all(g is not None and g.isfinite().all() for g in gradients.values())
    assert sum(g.abs().max() > 0 for g in gradients.values() if g is not None) > 0.9 * len(gradients)


def test_half_precision_is_near(network: nn.Module) -> None:
    z, net = noisy([9, 5], 9).map(Tensor.float), network.float()
    with torch.autocast("cpu", torch.bfloat16):
        rough = answer(net, z)
    exact = answer(net, z)
    for name in exact:
        assert rough[name].dtype == torch.bfloat16
        assert (rough[name] - exact[name]).norm() < 0.05 * exact[name].norm()


@pytest.mark.parametrize("kind", ["transformer", "gdss"])
def test_time_size_and_condition_are_read(kind: str) -> None:
    torch.manual_seed(0)
    net = NETWORKS[kind]()
    with torch.no_grad():
        for weight in net.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    z = noisy([5], 5).map(Tensor.float)
    outputs = [net(z, torch.tensor([t]), c) for t in (0.1, 0.8) for c in ({}, {"qed": torch.tensor([0.2])})]
    for a, b in itertools.combinations(outputs, 2):
        assert (a["nodes"] - b["nodes"]).abs().max() > 1e-4


def graphs(count: int = 6) -> list[nx.Graph]:
    return [nx.gnp_random_graph(9, 0.4, seed=seed) for seed in range(count)]


def adjacency(count: int = 6) -> Tensor:
    return torch.stack([torch.from_numpy(nx.to_numpy_array(g)) for g in graphs(count)])


def test_cycle_counts_match_enumeration() -> None:
    a = adjacency()
    expected = torch.zeros(len(a), 9, 3, dtype=torch.float64)
    for b, graph in enumerate(graphs()):
        for cycle in nx.simple_cycles(graph, length_bound=5):
            expected[b, cycle, len(cycle) - 3] += 1
    torch.testing.assert_close(cycles(Structure(a, a, torch.full((len(a),), 9))).nodes, expected)


def test_features_of_hard_graphs_are_exact() -> None:
    a = adjacency()
    edges = torch.nn.functional.one_hot(symmetric.pack(a).long(), 2).double()
    sizes = torch.full((len(a),), 9)
    valences = Features((0, 2), ("valence",))(edges, sizes).nodes[..., 0]
    torch.testing.assert_close(valences, a.sum(-1) / 2)
    joined = Features((0, 2), ("component",))(edges, sizes).pairs[..., 0]
    expected = [[nx.has_path(g, int(i), int(j)) for i, j in zip(*symmetric.pairs(9), strict=True)] for g in graphs()]
    assert torch.equal(joined == 1, torch.tensor(expected))
    walk = a / a.sum(-1, keepdim=True).clamp(min=1)
    returns = Features((0, 1), ("rrwp",), steps=4)(edges, sizes).nodes
    torch.testing.assert_close(returns[..., 3], torch.linalg.matrix_power(walk, 4).diagonal(dim1=1, dim2=2))


def test_an_unknown_feature_names_the_nearest() -> None:
    with pytest.raises(InputError, match='did you mean "cycles"'):
        transformer(features=("cycle",))
    with pytest.raises(InputError, match="multiple of heads"):
        GraphTransformer(1, 1, 1, 1, (1,), hidden=30, heads=4)


def test_gdss_node_network_is_its_formula() -> None:
    torch.manual_seed(0)
    net = ScoreNetworks(NODES, 3, 1, (1.0,), depth=1, clock=0)
    z = noisy([5], 5).map(Tensor.float)
    z = z.replace({"edges": z["edges"][..., :1]})
    x, a = z["nodes"], symmetric.unpack(z["edges"][..., 0], 5) + torch.eye(5)
    scale = a.sum(-1).clamp(min=1) ** -0.5
    spread = torch.diag_embed(scale) @ a @ torch.diag_embed(scale)
    torch.testing.assert_close(normalised(a), spread)
    layer = net.node_score.layers[0]
    hidden = torch.tanh(spread @ x @ layer.weight[0] + layer.bias[0])
    torch.testing.assert_close(net(z, torch.ones(1), {})["nodes"], net.node_score.read(torch.cat([x, hidden], -1)))


def test_the_score_networks_have_the_published_size() -> None:
    """GDSS's networks for QM9 have 32,389 weights, of which nothing reads 4,512 (the values of the last layer)."""
    net = ScoreNetworks(nodes_in=4, nodes_out=4, edges_out=1, orders=(1.0,), clock=0)
    assert sum(weights.numel() for weights in net.parameters()) == 32_389 - 4_512
