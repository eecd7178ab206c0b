"""Pairs and sets against pymatgen's matcher; what cannot match is not compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Lattice, Structure

from geodrift_crystals.metrics import matching
from geodrift_crystals.metrics.address import address
from geodrift_crystals.metrics.matching import PREDICTION, SAME, distances
from geodrift_crystals.metrics.sameness import firsts, known, primitive_sites

SALT = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
CAESIUM = Structure(Lattice.cubic(3.4), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
PEROVSKITE = Structure.from_spacegroup(
    "Pm-3m", Lattice.cubic(3.9), ["Sr", "Ti", "O"], [[0.5, 0.5, 0.5], [0, 0, 0], [0.5, 0, 0]]
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEODRIFT_CACHE", str(tmp_path / "cache"))


def moved(structure: Structure, scale: float, seed: int) -> Structure:
    """A copy with displaced sites, another origin and a cell 3 % larger."""
    rng = np.random.default_rng(seed)
    places = structure.frac_coords + rng.normal(scale=scale, size=(len(structure), 3)) + rng.random(3)
    return Structure(structure.lattice.scale(1.09 * structure.volume), structure.species, places)


def test_distances_are_the_matchers() -> None:
    true = [structure for structure in (SALT, CAESIUM, PEROVSKITE) for _ in range(6)]
    predicted = [moved(structure, 0.02 * (i % 6), i) for i, structure in enumerate(true)]
    found = distances(predicted, true, PREDICTION)
    matcher = StructureMatcher(ltol=0.3, stol=0.5, angle_tol=10)
    expected = [matcher.get_rms_dist(one, other) for one, other in zip(predicted, true, strict=True)]
    np.testing.assert_allclose(found, [np.nan if pair is None else pair[0] for pair in expected], atol=1e-6)
    assert np.isfinite(found).sum() > 6


def test_tolerances_are_the_protocols() -> None:
    default = StructureMatcher()
    for ours, theirs in ((SAME, default), (PREDICTION, StructureMatcher(stol=0.5, angle_tol=10, ltol=0.3))):
        assert (ours.length, ours.site, ours.angle) == (theirs.ltol, theirs.stol, theirs.angle_tol)


def test_what_cannot_match_is_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "displacement", lambda *_: pytest.fail("asked"))
    on_top = Structure(CAESIUM.lattice, CAESIUM.species, [[0, 0, 0], [0.01, 0, 0]])
    found = distances([None, on_top, PEROVSKITE], [SALT, CAESIUM, SALT], PREDICTION)
    assert np.isnan(found).all()


def test_distances_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [moved(PEROVSKITE, 0.02, 0), moved(SALT, 0.02, 1)], [PEROVSKITE, SALT]
    first = distances(*pairs, PREDICTION)
    monkeypatch.setattr(matching, "displacement", lambda *_: pytest.fail("computed again"))
    np.testing.assert_array_equal(distances(*pairs, PREDICTION), first)
    with pytest.raises(pytest.fail.Exception):
        distances(*pairs, SAME)


def test_a_supercell_is_the_same_crystal() -> None:
    double = PEROVSKITE.copy()
    double.make_supercell([2, 1, 1])
    assert distances([double], [PEROVSKITE], PREDICTION)[0] == pytest.approx(0, abs=1e-6)
    assert primitive_sites([double, PEROVSKITE, SALT]) == [5, 5, 2]
    assert firsts([PEROVSKITE, double]).tolist() == [True, False]
    assert known([double], [PEROVSKITE]).tolist() == [True]


def test_sets_are_what_all_pairs_say() -> None:
    """Against the matcher on every pair, without buckets and without reduced cells."""
    base = [SALT, CAESIUM, PEROVSKITE, SALT.get_primitive_structure()]
    structures = [moved(base[i % 4], 0.015 * (i % 5), i) for i in range(20)]
    matcher = StructureMatcher()
    alike = np.array([[matcher.fit(one, other) for other in structures] for one in structures])
    kinds: list[int] = []
    for i in range(20):
        kinds += [] if any(alike[j, i] for j in kinds) else [i]
    assert np.flatnonzero(firsts(structures)).tolist() == kinds
    assert 3 <= len(kinds) < 20
    expected = [any(matcher.fit(other, one) for other in base[:2]) for one in structures]
    assert known(structures, base[:2]).tolist() == expected
    assert known(structures, []).tolist() == [False] * 20


def test_structures_are_compared_with_the_first_of_each_kind() -> None:
    """Likeness is not transitive: the third is like the second, which is no kind of its own, and unlike the first."""
    steps = [Structure(CAESIUM.lattice, CAESIUM.species, [[0, 0, 0], [0.5 + u, 0.5 + u, 0.5]]) for u in (0, 0.25, 0.45)]
    matcher = StructureMatcher()
    assert [matcher.fit(steps[i], steps[j]) for i, j in ((0, 1), (1, 2), (0, 2))] == [True, True, False]
    assert firsts(steps).tolist() == [True, False, True]


def test_the_same_on_several_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    true = [SALT.get_primitive_structure(), CAESIUM, PEROVSKITE] * 3
    structures = [moved(base, 0.01, i) for i, base in enumerate(true)]
    apart = distances(structures, true, PREDICTION, 2)
    matcher = StructureMatcher(stol=0.5, angle_tol=10, ltol=0.3)
    expected = [matcher.get_rms_dist(*pair)[0] for pair in zip(structures, true, strict=True)]
    np.testing.assert_allclose(apart, expected, atol=1e-6)
    assert firsts(structures, 2).tolist() == [True] * 3 + [False] * 6


def test_an_address_is_of_the_content() -> None:
    again = Structure(PEROVSKITE.lattice, PEROVSKITE.species, PEROVSKITE.frac_coords, properties={"a": 1})
    assert address(again) == address(PEROVSKITE)
    others = [moved(PEROVSKITE, 1e-9, 0), PEROVSKITE.copy().replace_species({"Sr": "Ba"}), SALT]
    assert len({address(structure) for structure in (PEROVSKITE, *others)}) == 4
