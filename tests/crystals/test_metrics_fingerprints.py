"""Fingerprints against matminer, coverage and space groups against their definitions."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from geodrift_crystals.metrics import fingerprints
from geodrift_crystals.metrics.coverage import CUTOFFS, Cutoffs, Nearest, nearest
from geodrift_crystals.metrics.fingerprints import Fingerprints, Scale
from geodrift_crystals.metrics.symmetry import orbits, space_groups

SALT = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
PEROVSKITE = Structure.from_spacegroup(
    "Pm-3m", Lattice.cubic(3.9), ["Sr", "Ti", "O"], [[0.5, 0.5, 0.5], [0, 0, 0], [0.5, 0, 0]]
)
QUARTZ = Structure.from_spacegroup(
    "P3_221", Lattice.hexagonal(4.91, 5.40), ["Si", "O"], [[0.47, 0, 2 / 3], [0.414, 0.267, 0.7855]]
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEODRIFT_CACHE", str(tmp_path / "cache"))


def rattled(structure: Structure, scale: float, seed: int = 0) -> Structure:
    steps = np.random.default_rng(seed).normal(scale=scale, size=(len(structure), 3))
    return Structure(structure.lattice, structure.species, structure.frac_coords + steps)


def test_fingerprints_are_matminers() -> None:
    structures = [QUARTZ, PEROVSKITE, rattled(PEROVSKITE, 0.02)]
    found = Fingerprints.of(structures)
    sites, composition = fingerprints._featurizers()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        around = [np.mean([sites.featurize(s, i) for i in range(len(s))], axis=0) for s in structures]
        made_of = [composition.featurize(s.composition) for s in structures]
    np.testing.assert_allclose(found.structure, around, atol=1e-6)
    np.testing.assert_allclose(found.composition, made_of)
    assert (found.structure.shape, found.composition.shape) == ((3, 61), (3, 132))


def test_what_has_no_fingerprint_is_left_out_and_counted() -> None:
    odd = Structure(Lattice.cubic(3), ["Es", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])  # CrystalNN knows no radius of Es
    found = Fingerprints.of([SALT, odd])
    assert found.found.tolist() == [True, False]
    assert len(found.structure) == 1
    assert Fingerprints.of([odd]).structure.shape == (0, 61)


def test_they_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    first = Fingerprints.of([SALT])
    monkeypatch.setattr(fingerprints, "_row", lambda *_: pytest.fail("computed again"))
    np.testing.assert_array_equal(Fingerprints.of([SALT]).structure, first.structure)


def test_orbits_are_sites_and_their_numbers() -> None:
    sites, counts = orbits(PEROVSKITE, 1e-3)
    assert sorted(zip((PEROVSKITE[i].specie.symbol for i in sites), counts, strict=True)) == [
        ("O", 3),
        ("Sr", 1),
        ("Ti", 1),
    ]
    assert orbits(rattled(PEROVSKITE, 0.02), 1e-3) == (list(range(5)), [1] * 5)


def test_space_groups_are_spglibs_and_depend_on_the_tolerance() -> None:
    near = rattled(PEROVSKITE, 0.004)
    assert space_groups([SALT, PEROVSKITE, QUARTZ, near], 0.1).tolist() == [225, 221, 154, 221]
    assert space_groups([near], 0.001).tolist() == [1]


def test_a_scale_standardises_and_what_is_missing_is_the_mean() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(3, 2, size=(50, 4))
    x[:, 2] = 7.0
    x[:5, 3] = np.nan
    z = Scale.of(x)(x)
    np.testing.assert_allclose(z[:, :2].mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(z[:, :2].std(0), 1)
    np.testing.assert_array_equal(z[:, 2], 0)
    np.testing.assert_array_equal(z[:5, 3], 0)
    np.testing.assert_allclose(z[5:, 3].std(), 1)
    assert Scale.of(x)(np.array([[3.0, 3.0, 9.0, 3.0]]))[0, 2] == pytest.approx(2), "a constant keeps its unit"


def test_what_hardly_varies_does_not_outweigh_the_rest() -> None:
    """As the least magnetic moment among a crystal's elements, which is some 1e-6 in Perov-5, and two in iron."""
    x = np.random.default_rng(0).normal(size=(50, 2)) * [1e-6, 1.0]
    assert Scale.of(x)(np.array([[2.0, 0.0]]))[0, 0] == pytest.approx(2.0, abs=1e-5)


def drawn(n: int, seed: int) -> Fingerprints:
    rng = np.random.default_rng(seed)
    return Fingerprints(rng.normal(size=(n, 61)), rng.normal(size=(n, 132)), np.ones(n, bool))


def test_nearest_is_the_minimum_of_structures_and_of_compositions_apart() -> None:
    one, other = drawn(7, 0), drawn(11, 1)
    scale = Scale(np.zeros(132), np.ones(132))
    found = nearest(one, other, scale)
    for i in range(7):
        assert found.structure[i] == pytest.approx(min(np.linalg.norm(one.structure[i] - y) for y in other.structure))
        assert found.composition[i] == pytest.approx(
            min(np.linalg.norm(one.composition[i] - y) for y in other.composition)
        )


def test_both_distances_must_be_within_the_cutoffs() -> None:
    found = Nearest(np.array([0.1, 0.4, 0.1, 0.5]), np.array([3.0, 10.0, 11.0, 3.0]))
    assert found.within(CUTOFFS["mp-20"]) == 2, "the cut-offs themselves are within"
    assert found.within(CUTOFFS["perov-5"]) == 1
    assert found.within(Cutoffs(1.0, 20.0)) == 4
