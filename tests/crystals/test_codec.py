"""Crystals as states: what goes in comes out, what cannot is refused by name, what is learned is stored as JSON."""

import json
from collections.abc import Callable

import numpy as np
import pytest
import torch
from pymatgen.core import Lattice, Structure

from geodrift.errors import InputError
from geodrift.layout import Ragged
from geodrift.testing.states import assert_same, pick
from geodrift_crystals import domain
from geodrift_crystals.codec import CrystalCodec
from geodrift_crystals.structures import FAILED, failed, right_handed

KINDS = ("polar", "parameters", "matrix")


@pytest.mark.parametrize("niggli", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_decoding_gives_the_crystals_back(crystals: list[Structure], kind: str, niggli: bool) -> None:
    codec = domain.fit(crystals, {"lattice": kind, "niggli": niggli})
    compact = codec.compact(crystals)
    state, cond = codec.batch(compact.arrays, torch.arange(len(crystals)))
    found = codec.decode(state)
    assert cond == {}
    assert all(domain.same(one, other) for one, other in zip(crystals, found, strict=True))
    assert [len(c) for c in found] == [2, 2, 5, 2, 2, *[5] * 6, 2] if niggli else [len(c) for c in crystals]
    assert all(FAILED not in c.properties for c in found)


def test_a_cell_is_only_turned_not_mirrored(crystals: list[Structure]) -> None:
    chiral = crystals[6]
    mirrored = Structure(chiral.lattice.matrix * [-1, 1, 1], chiral.species, chiral.frac_coords)
    codec = domain.fit([chiral], {"niggli": False})
    for one in (chiral, mirrored):
        (found,) = codec.decode(codec.batch(codec.compact([one]).arrays, torch.tensor([0]))[0])
        start = right_handed(one)
        turn = np.linalg.solve(start.lattice.matrix, found.lattice.matrix)
        np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-5)
        assert np.linalg.det(turn) == pytest.approx(1, abs=1e-5)
        np.testing.assert_allclose(found.frac_coords, start.frac_coords, atol=1e-6)
    assert right_handed(mirrored).lattice.matrix[0, 0] == chiral.lattice.matrix[0, 0]


def test_a_crystal_in_two_cells_is_learned_once(crystals: list[Structure]) -> None:
    double = crystals[6].copy()
    double.make_supercell([[1, 1, 0], [0, 1, 0], [0, 0, 2]])
    codec = domain.fit([crystals[6]], {})
    one, other = (codec.compact([thing]).arrays for thing in (crystals[6], double))
    assert int(other["atoms"]) == 5
    torch.testing.assert_close(one["lattice"], other["lattice"], rtol=0, atol=2e-2)  # of the scale 0.01
    assert codec.niggli
    assert domain.fit([double], {"niggli": False}).max_atoms == 10


def test_a_distortion_is_not_averaged_away() -> None:
    double = Structure(Lattice.orthorhombic(4, 4, 8), ["Cs", "Cs"], [[0, 0, 0], [0, 0, 0.51]])
    assert domain.fit([double], {}).max_atoms == 2


def test_positions_stay_below_one(crystals: list[Structure]) -> None:
    edge = Structure(Lattice.cubic(4), ["Cs", "Cl"], [[-1e-9, 0, 1.0], [0.5, 0.5, 1 - 1e-12]])
    arrays = domain.fit([edge], {}).compact([edge]).arrays
    assert arrays["frac"].max() < 1
    assert arrays["frac"].min() >= 0


def test_states_are_ragged(crystals: list[Structure]) -> None:
    codec = domain.fit(crystals, {})
    arrays = codec.compact(crystals).arrays
    index = torch.tensor([2, 0, 2, 7])
    state, _ = codec.batch(arrays, index)
    assert [tuple(z.shape) for z in state.values()] == [(17, 3), (17,), (4, 6)]
    assert isinstance(state.layouts["species"], Ragged)
    assert state["species"].dtype == torch.int64
    whole, _ = codec.batch(arrays, torch.arange(len(crystals)))
    assert_same(state, pick(whole, index))


def test_what_cannot_be_encoded_is_refused(crystals: list[Structure]) -> None:
    codec = domain.fit(crystals, {"max_atoms": 5})
    disordered = Structure(Lattice.cubic(4), [{"Na": 0.5, "C": 0.5}], [[0, 0, 0]])
    clash = Structure(Lattice.cubic(4), ["Na", "Na"], [[0, 0, 0], [0.999, 0, 0]])
    strange = Structure(Lattice.cubic(4), ["U"], [[0, 0, 0]])
    large = Structure(Lattice.from_parameters(9, 9.5, 10, 80, 85, 95), ["C"] * 6, np.linspace(0, 0.9, 18).reshape(6, 3))
    things = [crystals[0], disordered, clash, strange, large, failed(["Na"], "numbers"), "NaCl"]
    compact = codec.compact(things)
    assert compact.kept == [0]
    assert {(r.index, r.reason) for r in compact.refused} == {
        (1, "partial occupancy: Na:0.5, C:0.5"),
        (2, "duplicate sites: Na and Na at the same place"),
        (3, "element U is not in the training data"),
        (4, "6 atoms, not 1 to 5"),
        (5, "not a crystal: numbers"),
        (6, "str is neither a pymatgen Structure nor ASE's Atoms"),
    }
    with pytest.raises(InputError, match="none of the crystals can be represented; there is nothing to learn from"):
        domain.fit([clash], {})
    with pytest.raises(InputError, match="none of the crystals can be represented"):
        codec.compact([clash])


def test_atoms_of_ase_are_crystals_too(crystals: list[Structure]) -> None:
    ase = pytest.importorskip("ase")
    codec = domain.fit(crystals, {})
    start = crystals[2]
    atoms = ase.Atoms(
        [site.specie.symbol for site in start], cell=start.lattice.matrix, scaled_positions=start.frac_coords, pbc=True
    )
    compact = codec.compact([atoms])
    assert compact.refused == []
    assert domain.same(codec.decode(codec.batch(compact.arrays, torch.tensor([0]))[0])[0], start)


def test_it_is_stored_as_json(crystals: list[Structure]) -> None:
    codec = domain.fit(crystals, {"lattice": "parameters", "given": "composition"})
    values = json.loads(json.dumps(codec.dump()))
    assert domain.codec(values) == codec
    for key, wrong in (("sizes", [1.0]), ("compositions", {}), ("lattice", {"kind": "polar", "mean": [], "std": []})):
        with pytest.raises(InputError, match=r"^codec.*; the checkpoint is damaged$"):
            domain.codec({**values, key: wrong})
    with pytest.raises(InputError, match=r"codec\.strange: .*; the checkpoint is damaged"):
        domain.codec({**values, "strange": 1})


def test_it_learns_what_there_is(crystals: list[Structure]) -> None:
    codec = domain.fit(crystals, {})
    assert codec.elements == ("C", "N", "O", "Na", "Si", "S", "Cl", "Ti", "Fe", "Zn", "Sr", "Cs")
    assert sum(codec.element_shares) == pytest.approx(1)
    assert codec.element_shares[0] == pytest.approx((2 + 6) / (5 * 2 + 5 * 7))
    assert (codec.sizes[2], codec.sizes[5]) == pytest.approx((5 / 12, 7 / 12))


def test_properties_become_conditions(crystals: list[Structure]) -> None:
    things = [crystal.copy() for crystal in crystals]
    for place, crystal in enumerate(things):
        crystal.properties = {"gap": float(place), "name": "x"} if place != 3 else {}
    codec = domain.fit(things, {"conditions": ["gap"]})
    known = [place for place in range(len(things)) if place != 3]
    assert codec.scales["gap"] == pytest.approx((np.mean(known), np.std(known)))
    _, cond = codec.batch(codec.compact(things).arrays, torch.tensor([1, 3, 5]))
    torch.testing.assert_close(cond["gap"], torch.tensor([1.0, torch.nan, 5.0]), equal_nan=True)
    with pytest.raises(InputError, match=r'data\.conditions: no numbers "gapp" in the data; there are gap'):
        domain.fit(things, {"conditions": ["gapp"]})


def test_options_are_checked(crystals: list[Structure]) -> None:
    for options, message in (
        ({"latice": "polar"}, r'no key in data crystals "latice" \(did you mean "lattice"\?\)'),
        ({"lattice": "round"}, r"data\.lattice: input should be 'matrix', 'polar' or 'parameters'"),
        ({"max_atoms": 0}, r"data\.max_atoms: input should be greater than 0"),
    ):
        with pytest.raises(InputError, match=message):
            domain.fit(crystals, options)


def test_numbers_that_are_not_finite_are_marked(crystals: list[Structure]) -> None:
    codec = domain.fit(crystals, {})
    state, _ = codec.batch(codec.compact(crystals).arrays, torch.arange(3))
    state["lattice"][0, 2] = torch.nan
    state["frac"][3, 1] = torch.inf
    found = codec.decode(state)
    assert [FAILED in crystal.properties for crystal in found] == [True, True, False]
    assert [crystal.composition.reduced_formula for crystal in found[:2]] == ["NaCl", "CsCl"]
    assert domain.same(found[2], crystals[2])


@pytest.mark.parametrize("kind", KINDS)
def test_any_numbers_decode(crystals: list[Structure], kind: str, model: Callable[[CrystalCodec], object]) -> None:
    codec = domain.fit(crystals, {"lattice": kind})
    state = codec.template(torch.tensor([3, 5, 1]))
    wild = state.map(lambda z: 1e6 * torch.randn(z.shape) if z.is_floating_point() else z)
    assert all(crystal.volume > 0 for crystal in codec.decode(wild))
