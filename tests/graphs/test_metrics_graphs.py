"""MMDs against transport by linear programming and against the published protocol; the table of a set of graphs."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.stats import wasserstein_distance

from geodrift.errors import InputError
from geodrift.metric import Metric
from geodrift_graphs.metrics import mmd
from geodrift_graphs.metrics.graphs import evaluate_graphs

MMDS = ["degree_mmd", "clustering_mmd", "orbit_mmd", "spectral_mmd", "mean_mmd"]
SPARSE = [nx.gnp_random_graph(12, 0.25, seed=seed) for seed in range(8)]
DENSE = [nx.gnp_random_graph(14, 0.5, seed=seed) for seed in range(20, 27)]


def by_name(metrics: list[Metric]) -> dict[str, Metric]:
    return {metric.name: metric for metric in metrics}


def load(shared_data: Path, name: str) -> list[nx.Graph]:
    with np.load(shared_data / "graphs" / f"{name}.npz") as kept:
        parts = np.split(kept["edges"], kept["edge_offset"][1:-1])
        graphs = [nx.empty_graph(int(n)) for n in kept["n_nodes"]]
    for graph, edges in zip(graphs, parts, strict=True):
        graph.add_edges_from(edges.tolist())
    return graphs


def test_earth_mover_is_optimal_transport() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.dirichlet(np.ones(6)), rng.dirichlet(np.ones(6))
    place = np.arange(6)
    cost = np.abs(place[:, None] - place).ravel()
    rows = np.kron(np.eye(6), np.ones(6))
    columns = np.kron(np.ones(6), np.eye(6))
    program = linprog(cost, A_eq=np.vstack([rows, columns]), b_eq=np.r_[x, y])
    ours = mmd.earth_mover()(x[None], y[None])[0, 0]
    assert ours == pytest.approx(program.fun, abs=1e-9)
    assert ours == pytest.approx(wasserstein_distance(place, place, x, y))
    assert mmd.earth_mover(0.01)(x[None], y[None])[0, 0] == pytest.approx(ours / 100)


def test_total_variation_of_disjoint_histograms_is_one() -> None:
    assert mmd.total_variation(np.array([[1.0, 0]]), np.array([[0, 1.0]]))[0, 0] == 1


def plain(x: list[nx.Graph], y: list[nx.Graph]) -> dict[str, float]:
    """The EMD protocol pair by pair."""

    def degree(a: nx.Graph, b: nx.Graph) -> float:
        u, v = (nx.degree_histogram(g) for g in (a, b))
        return wasserstein_distance(range(len(u)), range(len(v)), u, v)

    def clustering(a: nx.Graph, b: nx.Graph) -> float:
        u, v = (np.histogram(list(nx.clustering(g).values()), 100, (0, 1))[0] for g in (a, b))
        return wasserstein_distance(np.arange(100) / 100, np.arange(100) / 100, u, v)

    def spectral(a: nx.Graph, b: nx.Graph) -> float:
        spectra = (np.linalg.eigvalsh(nx.normalized_laplacian_matrix(g).toarray()).clip(-1e-5, 2) for g in (a, b))
        u, v = (np.histogram(values, 200, (-1e-5, 2))[0] for values in spectra)
        return wasserstein_distance(range(200), range(200), u, v)

    def squared(distance: object, sigma: float) -> float:
        def k(p: list[nx.Graph], q: list[nx.Graph]) -> float:
            return float(np.mean([np.exp(-(distance(a, b) ** 2) / (2 * sigma**2)) for a in p for b in q]))  # type: ignore[operator]

        return k(x, x) + k(y, y) - 2 * k(x, y)

    return {
        "degree_mmd": squared(degree, 1),
        "clustering_mmd": squared(clustering, 0.1),
        "spectral_mmd": squared(spectral, 1),
    }


def test_emd_protocol_pair_by_pair() -> None:
    found = by_name(evaluate_graphs(SPARSE, DENSE))
    for name, value in plain(SPARSE, DENSE).items():
        assert found[name].value == pytest.approx(value, abs=1e-12)
    parts = [found[name].value for name in MMDS[:3]]
    assert found["mean_mmd"].value == pytest.approx(np.mean(parts))


@pytest.mark.parametrize("protocol", ["emd", "tv"])
def test_a_set_is_at_no_distance_from_itself(protocol: str) -> None:
    found = by_name(evaluate_graphs(SPARSE, SPARSE[::-1], protocol=protocol))
    assert list(found) == [*MMDS, "connected", "unique"]
    assert all(found[name].value == pytest.approx(0, abs=1e-12) for name in MMDS)


def test_floors_of_community_small(shared_data: Path) -> None:
    """20 random training graphs against the 20 test graphs, measured with the reference code: 0.019, 0.028, 0.005."""
    graphs = load(shared_data, "community_small")
    test, train = graphs[:20], graphs[20:]
    found = by_name(evaluate_graphs(train[:20], test, train))
    expected = {"degree_mmd": 0.019, "clustering_mmd": 0.028, "orbit_mmd": 0.005, "mean_mmd": 0.017}
    for name, value in expected.items():
        assert found[name].floor == pytest.approx(value, abs=0.004)
    assert found["connected"].floor == 1


def test_planar_training_graphs_in_the_tv_protocol(shared_data: Path) -> None:
    """The literature's row "training set" of planar: 0.0002, 0.0310, 0.0005, 0.0038."""
    with np.load(shared_data / "graphs" / "planar.npz") as kept:
        split = kept["split"]
    graphs = load(shared_data, "planar")
    train, test = ([g for g, part in zip(graphs, split, strict=True) if part == name] for name in ("train", "test"))
    found = by_name(evaluate_graphs(train, test, protocol="tv"))
    values = [round(found[name].value, 4) for name in MMDS[:4]]
    assert values == [0.0002, 0.0310, 0.0005, 0.0038]


def test_shares() -> None:
    samples = [nx.path_graph(4), nx.relabel_nodes(nx.path_graph(4), {0: 3, 3: 0}), nx.star_graph(3), nx.cycle_graph(4)]
    samples += [nx.empty_graph(2), nx.Graph()]
    found = by_name(evaluate_graphs(samples, training=[nx.star_graph(3), nx.path_graph(3)], family="tree"))
    assert list(found) == ["connected", "unique", "novel", "valid", "vun"]
    assert {name: round(m.value * 6) for name, m in found.items()} == {
        "connected": 4,
        "unique": 5,
        "novel": 5,
        "valid": 3,
        "vun": 1,
    }
    assert (found["valid"].floor, found["novel"].floor) == (1, 0)
    assert found["unique"].floor is None, "two training graphs give no floor for six"


def test_absent_references_leave_out_what_needs_them() -> None:
    assert list(by_name(evaluate_graphs(SPARSE))) == ["connected", "unique"]
    assert list(by_name(evaluate_graphs(SPARSE, training=DENSE))) == ["connected", "unique", "novel"]
    assert evaluate_graphs([], DENSE) == []
    assert list(by_name(evaluate_graphs([nx.Graph()], DENSE))) == ["connected", "unique"]


def test_the_same_for_any_number_of_processes() -> None:
    assert evaluate_graphs(SPARSE, DENSE, SPARSE, n_jobs=2) == evaluate_graphs(SPARSE, DENSE, SPARSE)


def test_unknown_names_are_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match='did you mean "emd"'):
        evaluate_graphs(SPARSE, DENSE, protocol="emb")
    with pytest.raises(InputError, match='did you mean "lobster"'):
        evaluate_graphs(SPARSE, DENSE, family="lobsters")
