"""NSPDK features against EDeN's values and against a second implementation that hashes nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import networkx as nx
import numpy as np
import pytest
from rdkit import Chem

from geodrift_graphs.metrics import embedding, nspdk

SMILES = ["CCO", "CCN", "c1ccccc1O", "C1CC1C#N", "CC(=O)NC", "CC(=O)OC", "C", "CC", "C1CC2CC1O2", "CC1OC1C=O", "CC.O"]
SMILES += ["CCCCCCCCC", "N#CC#CC#N", "CC(C)(C)CC(C)C"]

# Inner products of `eden.graph.vectorize(complexity=4, discrete=True)`, EDeN 20c3d09, PYTHONHASHSEED=2, on graphs whose
# nodes are labelled by element and edges by int(GetBondTypeAsDouble()) of the sanitised molecule.
EDEN = [
    ("CCO", "CCN", 0.255952380952381),
    ("c1ccccc1O", "C1CC1C#N", 0.20763211828308478),
    ("CC(=O)NC", "CC(=O)OC", 0.27710784313725506),
    ("C", "CC", 0.0),
    ("C1CC2CC1O2", "CC1OC1C=O", 0.17224796083578628),
]


def molecules(*smiles: str) -> list[Chem.Mol]:
    return [Chem.MolFromSmiles(line) for line in smiles]


def dense(features: embedding.Features) -> np.ndarray:
    names, column = np.unique(features.feature, return_inverse=True)
    matrix = np.zeros((features.n, len(names)))
    matrix[features.sample, column] = features.value
    return matrix


def naive(molecule: Chem.Mol) -> dict[Any, float]:
    """Features named by nested tuples, from breadth-first searches in the graph whose bonds are nodes too."""
    graph = nx.Graph()
    for atom in molecule.GetAtoms():
        graph.add_node(atom.GetIdx(), label=atom.GetSymbol(), atom=True)
    for bond in molecule.GetBonds():
        node = ("bond", bond.GetIdx())
        graph.add_node(node, label=int(bond.GetBondTypeAsDouble()), atom=False)
        graph.add_edges_from([(node, bond.GetBeginAtomIdx()), (node, bond.GetEndAtomIdx())])
    apart = {v: nx.single_source_shortest_path_length(graph, v, 8) for v in graph if graph.nodes[v]["atom"]}
    around = {v: _around(graph, apart[v]) for v in apart}
    blocks: dict[tuple[int, int], Counter[Any]] = defaultdict(Counter)
    for v, reach in apart.items():
        for u in (u for u in reach if u in apart and reach[u] % 2 == 0):
            for r in range(0, min(len(around[v]), len(around[u]), 9), 2):
                pair = sorted([around[v][: r + 1], around[u][: r + 1]], key=repr)
                blocks[r, reach[u]].update([("pair", repr(pair)), ("one", repr(around[u][: r + 1]))])
    scale = np.sqrt(len(blocks))
    return {
        (key, name): count / (scale * np.sqrt(sum(c**2 for c in block.values())))
        for key, block in blocks.items()
        for name, count in block.items()
    }


def _around(graph: nx.Graph, reach: dict[Any, int]) -> list[Any]:
    shells: dict[int, list[Any]] = defaultdict(list)
    for u, distance in reach.items():
        shells[distance].append((str(graph.nodes[u]["label"]), graph.degree[u]))
    return [sorted(shells[distance]) for distance in range(max(shells) + 1)]


@pytest.mark.parametrize(("one", "other", "product"), EDEN)
def test_reproduces_eden(one: str, other: str, product: float) -> None:
    x = dense(nspdk.features(molecules(one, other)))
    assert x[0] @ x[1] == pytest.approx(product, abs=1e-12)
    np.testing.assert_allclose((x**2).sum(1), 1)


def test_agrees_with_the_implementation_without_hashes() -> None:
    x = dense(nspdk.features(molecules(*SMILES)))
    plain = [naive(molecule) for molecule in molecules(*SMILES)]
    expected = [[sum(value * b.get(name, 0) for name, value in a.items()) for b in plain] for a in plain]
    np.testing.assert_allclose(x @ x.T, expected, atol=1e-12)


def test_is_the_same_for_any_order_of_atoms_and_any_batch() -> None:
    rng = np.random.default_rng(0)
    shuffled = [Chem.RenumberAtoms(m, rng.permutation(m.GetNumAtoms()).tolist()) for m in molecules(*SMILES)]
    one, other = nspdk.features(molecules(*SMILES)), nspdk.features(shuffled)
    assert embedding.mmd(one.mean(), other.mean()) == pytest.approx(0, abs=1e-20)
    alone = embedding.join([nspdk.features(molecules(line)) for line in SMILES])
    np.testing.assert_allclose(dense(alone), dense(one))


def test_mmd_is_that_of_the_kernel_matrices() -> None:
    x, y = nspdk.features(molecules(*SMILES[:6])), nspdk.features(molecules(*SMILES[4:]))
    both = dense(embedding.join([x, y]))
    a, b = both[:6], both[6:]
    expected = (a @ a.T).mean() + (b @ b.T).mean() - 2 * (a @ b.T).mean()
    assert embedding.mmd(x.mean(), y.mean()) == pytest.approx(expected, abs=1e-14)


def test_influence_is_the_derivative_in_the_weight_of_a_sample() -> None:
    x, y = nspdk.features(molecules(*SMILES[:6])), nspdk.features(molecules(*SMILES[4:]))
    both = dense(embedding.join([x, y]))
    a, b = both[:6], both[6:].mean(0)
    gap = a.mean(0) - b
    expected = [2 * gap @ (row - a.mean(0)) for row in a]
    influence = embedding.influence(x, y.mean())
    np.testing.assert_allclose(influence - influence.mean(), expected, atol=1e-14)
