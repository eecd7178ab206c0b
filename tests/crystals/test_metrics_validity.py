"""What is valid by geometry and by SMACT's rule, the latter against SMACT itself."""

from __future__ import annotations

import time
import warnings

import numpy as np
import pytest
from pymatgen.core import Composition, Element, Lattice, Structure
from smact.screening import smact_validity

from geodrift_crystals.evaluation import glance
from geodrift_crystals.metrics.charges import TABLES, described, plausible
from geodrift_crystals.metrics.validity import structurally_valid

ELEMENTS = [Element.from_Z(number).symbol for number in range(1, 104)]
KNOWN = ["NaCl", "SrTiO3", "Fe3O4", "KMgCl3", "CsAu", "XeF2", "HeNe", "CuZn", "O2", "TiOsOFN", "Na3MnCoNiO6", "H2O"]


def pair(edge: float, apart: float) -> Structure:
    """Two atoms at a distance along one edge of a cube, Å."""
    return Structure(Lattice.cubic(edge), ["Na", "Cl"], [[0, 0, 0], [apart / edge, 0, 0]])


def test_no_two_sites_nearer_than_half_an_angstrom() -> None:
    assert structurally_valid(pair(4.0, 0.5001))
    assert not structurally_valid(pair(4.0, 0.4999))
    assert not structurally_valid(pair(4.0, 3.6)), "the nearest image counts"


def test_a_site_and_its_own_image_do_not_count() -> None:
    assert structurally_valid(Structure(Lattice.cubic(0.47), ["H"], [[0, 0, 0]]))
    assert not structurally_valid(Structure(Lattice.cubic(0.46), ["H"], [[0, 0, 0]])), "0.097 Å³"


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_numbers_that_are_none(number: float) -> None:
    broken = pair(4.0, 2.0)
    assert not structurally_valid(Structure(broken.lattice, broken.species, [[0, 0, 0], [number, 0, 0]]))


def test_what_could_not_be_built() -> None:
    assert not structurally_valid(None)
    assert not structurally_valid(Structure(Lattice.cubic(3), [], []))
    assert not structurally_valid(Structure(np.zeros((3, 3)), ["H", "H"], [[0, 0, 0], [0.5, 0, 0]]))
    assert glance([None, pair(4.0, 2.0)]) == {"struct_valid": 0.5, "comp_valid": 0.5, "valid": 0.5}
    assert glance([]) == {}


@pytest.mark.parametrize("table", TABLES)
def test_the_verdict_is_smacts(table: str) -> None:
    rng = np.random.default_rng(0)
    drawn = [
        Composition(dict(zip(rng.choice(ELEMENTS, k, False), map(int, rng.integers(1, 7, k)), strict=True)))
        for k in (1, 2, 3, 4)
        for _ in range(60)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SMACT's of its own table "wiki"
        for composition in [*map(Composition, KNOWN), *drawn]:
            expected = smact_validity(composition, oxidation_states_set=table)
            assert plausible(composition, table) == expected, composition.formula


def test_tables_differ_and_are_named() -> None:
    verdicts = {table: plausible(Composition("CuF4"), table) for table in TABLES}
    assert verdicts == {"smact14": True, "icsd16": True, "icsd24": False, "pymatgen_sp": False, "wiki": True}
    assert described("smact14").startswith("SMACT ")
    assert described("smact14").endswith("oxidation states smact14")


def test_many_elements_take_no_time() -> None:
    """Twenty elements have more than 10¹² combinations of oxidation states."""
    many = Composition({name: i + 1 for i, name in enumerate(ELEMENTS[20:32] + ELEMENTS[5:9] + ELEMENTS[13:17])})
    start = time.process_time()
    assert isinstance(plausible(many), bool)
    assert time.process_time() - start < 1


def test_compositions_without_sense_are_not_plausible() -> None:
    assert not plausible(Composition({}))
    assert not plausible(Composition({"X": 1, "O": 1})), "a dummy species"
