"""All maps at once against pymatgen's matcher, one by one: the same numbers, and the same pairs without one."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Lattice, Structure

from geodrift_crystals.files import read
from geodrift_crystals.metrics.maps import maps
from geodrift_crystals.metrics.matching import PREDICTION, SAME, Tolerances
from geodrift_crystals.metrics.superposition import Cell, largest
from geodrift_crystals.structures import Unrepresentable, niggli


def strained(structure: Structure, scale: float, seed: int) -> Structure:
    """A copy with displaced sites, another origin, order of sites and a strained, rotated, sheared cell."""
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    matrix = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1]]) @ structure.lattice.matrix
    order = rng.permutation(len(structure))
    places = structure.frac_coords @ np.linalg.inv([[1, 0, 0], [1, 1, 0], [0, 0, 1]])
    moved = places + rng.normal(scale=scale, size=places.shape) + rng.random(3)
    lattice = Lattice(matrix @ (np.eye(3) + rng.normal(scale=0.03, size=(3, 3))) @ turn)
    return Structure(lattice, [structure.species[i] for i in order], moved[order])


def check(structures: list[Structure], tolerances: Tolerances) -> tuple[int, int]:
    """Compare with the matcher; how many match, and how many do not."""
    ltol, stol, angle = tolerances.length, tolerances.site, tolerances.angle
    matcher = StructureMatcher(ltol=ltol, stol=stol, angle_tol=angle)
    matched = 0
    for seed, structure in enumerate(structures):
        other = strained(structure, (0.005, 0.02, 0.06, 0.3)[seed % 4], seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pair = other.get_sorted_structure(), structure.get_sorted_structure()
            found, same = matcher.get_rms_dist(*pair), matcher.fit(*pair)
            cells = Cell.of(other), Cell.of(structure)
        assert tolerances(*cells) == pytest.approx(np.nan if found is None else found[0], abs=2e-5, nan_ok=True)
        assert bool(tolerances(*cells, largest) <= stol) == same
        matched += found is not None
    return matched, len(structures) - matched


@pytest.mark.parametrize("tolerances", [PREDICTION, SAME], ids=["prediction", "sameness"])
def test_the_matchers_numbers(crystals: list[Structure], tolerances: Tolerances) -> None:
    places = [[1 / 3, 2 / 3, 0], [1 / 3, 2 / 3, 0.375]]
    hexagonal = Structure.from_spacegroup("P6_3mc", Lattice.hexagonal(3.82, 6.26), ["Zn", "S"], places)
    matched, unmatched = check([*crystals, hexagonal, crystals[2], hexagonal, *crystals[2:5]] * 2, tolerances)
    assert matched > 8
    assert unmatched > 2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["perov_5_test", "mp_20_part_test", "carbon_24_val", "mpts_52_val"])
def test_the_matchers_numbers_on_real_crystals(shared_data: Path, name: str) -> None:
    found = read(shared_data / "crystals" / f"{name}.csv.gz", {"rows": ":60"}).objects
    check([structure for structure in found if len(structure) <= 24], PREDICTION)


def test_other_elements_or_numbers_do_not_match(crystals: list[Structure]) -> None:
    salt, caesium, perovskite = map(Cell.of, crystals[:3])
    assert np.isnan(PREDICTION(salt, caesium))
    assert np.isnan(PREDICTION(salt, perovskite))
    assert PREDICTION(salt, salt) == pytest.approx(0, abs=1e-9)


def test_many_atoms_are_looked_at_in_parts(crystals: list[Structure], monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = Cell.of(strained(crystals[2], 0.02, 0)), Cell.of(crystals[2])
    whole = PREDICTION(one, other)
    monkeypatch.setattr("geodrift_crystals.metrics.superposition._MOST", 30)
    assert PREDICTION(one, other) == whole < 0.2


def test_a_lattice_that_is_too_flat_matches_nothing(crystals: list[Structure]) -> None:
    """pymatgen's reduction of such a cell takes all the memory there is."""
    flat = Structure(Lattice.tetragonal(1e-4, 1e7), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    assert np.isnan(PREDICTION(Cell.of(flat), Cell.of(crystals[0])))
    with pytest.raises(Unrepresentable, match="a cell too flat to be reduced"):
        niggli(flat)


def test_the_order_of_sites_does_not_matter() -> None:
    """Wrong decorations of a perovskite match in some orders of its sites alone when pymatgen's matcher is asked."""
    rng = np.random.default_rng(0)
    places = np.array([[0.05, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.55], [0, 0.5, 0.5]])
    cube, names = Lattice.cubic(4), np.array(["Ti", "Os", "N", "O", "F"])
    true = [Structure(cube, names[order], places[order]) for order in map(rng.permutation, [5] * 6)]
    matcher, verdicts = StructureMatcher(ltol=0.3, stol=0.5, angle_tol=10), []
    for _ in range(8):
        wrong = Structure(cube, rng.permutation(names), np.round(2 * places) / 2)
        verdicts.append(len({matcher.get_rms_dist(wrong, one) is None for one in true}))
        found = [PREDICTION(Cell.of(wrong), Cell.of(one)) for one in true]
        np.testing.assert_allclose(found, found[0], atol=1e-9)
    assert max(verdicts) == 2


def test_maps_of_a_cube() -> None:
    """All 48, and none that spans the volume twice, though its lengths and angles are near enough."""
    found = maps(4 * np.eye(3), np.diag([4.48, 4.48, 3.19]), 0.3, 10)
    assert len(found) == 48
    np.testing.assert_allclose(np.abs(np.linalg.det(found)), 64)
