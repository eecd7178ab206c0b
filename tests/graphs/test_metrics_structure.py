"""Descriptors of one graph against brute force, networkx and closed forms."""

from __future__ import annotations

from itertools import combinations

import networkx as nx
import numpy as np
import pytest

from geodrift_graphs.metrics import structure

GRAPHS = [nx.gnp_random_graph(n, p, seed=seed) for seed, (n, p) in enumerate([(7, 0.5), (9, 0.3), (8, 0.7), (6, 0.2)])]
GRAPHS += [nx.complete_graph(5), nx.path_graph(4), nx.star_graph(4), nx.empty_graph(3)]

# Orbits in Pržulj's order, by the graphlet's sorted degrees and the node's degree in it.
ORBIT = {
    ((1, 1), 1): 0,
    ((1, 1, 2), 1): 1,
    ((1, 1, 2), 2): 2,
    ((2, 2, 2), 2): 3,
    ((1, 1, 2, 2), 1): 4,
    ((1, 1, 2, 2), 2): 5,
    ((1, 1, 1, 3), 1): 6,
    ((1, 1, 1, 3), 3): 7,
    ((2, 2, 2, 2), 2): 8,
    ((1, 2, 2, 3), 1): 9,
    ((1, 2, 2, 3), 2): 10,
    ((1, 2, 2, 3), 3): 11,
    ((2, 2, 3, 3), 2): 12,
    ((2, 2, 3, 3), 3): 13,
    ((3, 3, 3, 3), 3): 14,
}


def counted(graph: nx.Graph) -> np.ndarray:
    counts = np.zeros((len(graph), 15))
    for size in (2, 3, 4):
        for nodes in combinations(graph, size):
            part = graph.subgraph(nodes)
            if nx.is_connected(part):
                shape = tuple(sorted(dict(part.degree).values()))
                for node, degree in part.degree:
                    counts[node, ORBIT[shape, degree]] += 1
    return counts


@pytest.mark.parametrize("graph", GRAPHS, ids=str)
def test_orbits_by_enumeration(graph: nx.Graph) -> None:
    np.testing.assert_allclose(structure.orbits([graph])[0], counted(graph).mean(0))


@pytest.mark.parametrize("graph", GRAPHS, ids=str)
def test_histograms_are_those_of_networkx(graph: nx.Graph) -> None:
    np.testing.assert_allclose(structure.degrees([graph])[0], np.array(nx.degree_histogram(graph)) / len(graph))
    clustering = np.histogram(list(nx.clustering(graph).values()), 100, (0, 1))[0] / len(graph)
    np.testing.assert_allclose(structure.clustering([graph])[0], clustering)
    assert structure.spectra([graph])[0].sum() == pytest.approx(1)


def test_spectrum_of_the_complete_graph_has_two_eigenvalues() -> None:
    histogram = structure.spectra([nx.complete_graph(5)])[0]
    assert histogram[0] == pytest.approx(1 / 5)
    assert histogram[int(5 / 4 / 2 * 200)] == pytest.approx(4 / 5)


def test_the_eigenvalue_two_of_a_bipartite_graph_is_kept() -> None:
    for graph in (nx.path_graph(7), nx.star_graph(6), nx.cycle_graph(8)):
        assert structure.spectra([graph])[0][-1] == pytest.approx(1 / len(graph))
