"""Scaffolds, nearest neighbours and one-dimensional distances against rdkit and scipy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator

from geodrift_graphs.metrics import descriptors, similarity

SMILES = ["c1ccc2ccccc2c1C", "c1ccc2ccccc2c1CC", "C1CC2CC1O2", "CCO", "c1ccccc1", "CC(=O)NC"]
MOLECULES = [Chem.MolFromSmiles(line) for line in SMILES]


def test_scaffolds_have_two_rings_at_least() -> None:
    assert descriptors.scaffolds(MOLECULES) == ["c1ccc2ccccc2c1", "c1ccc2ccccc2c1", "C1CC2CC1O2", "", "", ""]


def test_cosine_of_counts() -> None:
    assert similarity.cosine({"a": 3, "b": 4}, {"b": 2, "c": 5}) == pytest.approx(8 / (5 * np.sqrt(29)))
    assert similarity.cosine({"a": 1}, {"a": 7}) == pytest.approx(1)
    assert similarity.cosine({}, {"a": 7}) == 0
    assert similarity.counts(["a", "", "a"]) == {"a": 2}


def test_nearest_is_rdkits_tanimoto() -> None:
    packed = descriptors.fingerprints(MOLECULES)
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=descriptors.BITS)
    bits = [generator.GetFingerprint(molecule) for molecule in MOLECULES]
    expected = [max(DataStructs.BulkTanimotoSimilarity(x, bits[3:])) for x in bits[:3]]
    np.testing.assert_allclose(similarity.nearest(packed[:3], packed[3:]), expected, rtol=1e-6)
    np.testing.assert_allclose(similarity.nearest(packed, packed), 1)


def slopes(statistic: Callable[[np.ndarray], float], n: int) -> np.ndarray:
    flat, step = np.full(n, 1 / n), 1e-7
    return np.array([(statistic(flat + step * (unit - flat)) - statistic(flat)) / step for unit in np.eye(n)])


def test_influence_on_the_cosine() -> None:
    names, r = ["a", "b", "", "a", "c"], {"a": 4, "b": 1, "d": 2}

    def statistic(weights: np.ndarray) -> float:
        g: dict[str, float] = {}
        for name, weight in zip(names, weights, strict=True):
            g[name] = g.get(name, 0) + weight
        g.pop("")
        norm = np.sqrt(sum(v**2 for v in g.values()) * sum(v**2 for v in r.values()))
        return sum(v * r.get(name, 0) for name, v in g.items()) / norm

    influence = similarity.cosine_influence(names, r)
    np.testing.assert_allclose(influence - influence.mean(), slopes(statistic, 5), atol=1e-6)


def test_properties_of_ethanol() -> None:
    row = dict(zip(descriptors.NAMES, descriptors.properties(MOLECULES)[3], strict=True))
    assert row["weight"] == pytest.approx(46.069)
    assert row["logp"] == pytest.approx(-0.0014, abs=1e-4)
    assert 0 < row["qed"] < 1
    assert 1 <= row["sa"] <= 10
    assert descriptors.properties([]).shape == (0, 4)
