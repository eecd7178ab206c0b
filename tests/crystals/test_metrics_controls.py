"""What the controls know: cells that are linear in the composition, roles of elements, structures of the same size."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from geodrift_crystals.controls import Controls
from geodrift_crystals.lattices import RidgeLattice
from geodrift_crystals.perovskite import SITES, Roles

METALS = ["Mg", "Ca", "Sr", "Ba", "Ti", "Zr", "Hf", "Sn"]
SIZE = {name: 0.02 * place for place, name in enumerate(METALS)}  # of the logarithm of the edge


def perovskite(a: str, b: str, move: float = 0.0, seed: int = 0) -> Structure:
    """A perovskite whose cell follows its elements, with displaced sites, another origin and order of sites."""
    rng = np.random.default_rng(seed)
    edge = 4 * np.exp(SIZE[a] + 2 * SIZE[b])
    order = rng.permutation(5)
    places = (SITES + rng.normal(scale=move, size=(5, 3)) + rng.random(3))[order]
    return Structure(Lattice.cubic(edge), [[a, b, "O", "O", "O"][i] for i in order], places % 1)


def large_a(count: int, move: float = 0.0) -> list[Structure]:
    """Perovskites of which the element later in the list is A."""
    rng = np.random.default_rng(1)
    pairs = [sorted(rng.choice(8, 2, replace=False), reverse=True) for _ in range(count)]
    return [perovskite(METALS[a], METALS[b], move, i) for i, (a, b) in enumerate(pairs)]


def test_cells_that_are_linear_are_found() -> None:
    rng = np.random.default_rng(0)

    def cell(names: list[str]) -> Lattice:
        stretch = np.mean([SIZE[name] for name in names])
        edge = len(names) ** (1 / 3)
        return Lattice.orthorhombic(2.0 * edge, 2.2 * edge * np.exp(stretch), 2.5 * edge * np.exp(2 * stretch))

    drawn = [[METALS[i] for i in rng.integers(8, size=rng.integers(1, 9))] for _ in range(400)]
    fitted = RidgeLattice.fit([Structure(cell(names), names, rng.random((len(names), 3))) for names in drawn])
    for names in (["Mg", "Ca", "Ba"], ["Sn"] * 4, ["Ti", "Zr"]):
        np.testing.assert_allclose(fitted(names).abc, cell(names).abc, rtol=2e-3)
        np.testing.assert_allclose(fitted(names).angles, 90, atol=0.01)
    assert fitted(["Xe", "Xe"]).volume > 0, "an unknown element changes nothing"


def test_skewed_cells_are_cells() -> None:
    rng = np.random.default_rng(0)
    cells = [Lattice(4 * np.eye(3) + rng.normal(size=(3, 3))) for _ in range(50)]
    fitted = RidgeLattice.fit([Structure(c, ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]) for c in cells])
    assert 0.5 < fitted(["Na", "Cl"]).volume / np.mean([c.volume for c in cells]) < 1.5
    one = cells[0].get_niggli_reduced_lattice()
    single = RidgeLattice.fit([Structure(one, ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])] * 3)
    np.testing.assert_allclose(single(["Na", "Cl"]).parameters, one.parameters, rtol=1e-6)


@pytest.mark.parametrize("move", [0.0, 0.03])
def test_roles_are_read_from_any_origin_order_and_displacement(move: float) -> None:
    roles = Roles.fit(large_a(60, move))
    assert roles is not None
    assert {role for (name, role), count in roles.counts.items() if name == "O" and count} == {"X"}
    assert sum(count for (_, role), count in roles.counts.items() if role == "A") == 60
    assert roles.counts["Mg", "A"] == 0
    assert roles.counts["Sn", "B"] == 0


def test_decorations_are_all_the_likeliest_first() -> None:
    roles = Roles.fit(large_a(60))
    assert roles is not None
    found = roles.decorations(["O", "Ba", "O", "Ca", "O"])
    assert found[0] == ["Ba", "Ca", "O", "O", "O"]
    assert len(found) == 7, "two metals in A and B, or one of them or none with oxygen"
    assert all(Counter(names) == Counter(["O", "Ba", "O", "Ca", "O"]) for names in found)
    assert len(roles.decorations(["Mg", "Ca", "Sr", "Ba", "O"])) == 20


def test_only_perovskites_have_roles() -> None:
    salt = Structure(Lattice.cubic(4), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    assert Roles.fit([salt] * 5) is None
    assert Roles.fit([*large_a(18), salt, salt]) is not None
    assert Roles.fit([*large_a(17), salt, salt]) is None
    assert "template" not in Controls.fit([salt] * 5).predictors


def test_the_template_is_the_ideal_structure_in_the_right_cell() -> None:
    controls = Controls.fit(large_a(200, 0.02))
    ((found, again),) = controls.predict("template", [["O", "Ti", "O", "Sn", "O"]], 2, 0)
    assert found is not None
    assert again is not None
    assert found.lattice.a == pytest.approx(perovskite("Sn", "Ti").lattice.a, rel=5e-3)
    assert [site.specie.symbol for site in found] == ["Sn", "Ti", "O", "O", "O"]
    assert [site.specie.symbol for site in again] != ["Sn", "Ti", "O", "O", "O"], "the second likeliest"
    assert controls.predict("template", [["Na", "Cl"]], 2, 0) == [[None, None]]


def test_a_training_structure_keeps_its_stoichiometry() -> None:
    other = Structure(Lattice.cubic(9), ["Na"] * 2 + ["Cl"] * 3, np.random.default_rng(0).random((5, 3)))
    controls = Controls.fit([*large_a(3), other])
    for seed in range(5):
        ((found,),) = controls.predict("training structure", [["N", "N", "Li", "K", "N"]], 1, seed)
        assert found is not None
        assert found.lattice.a < 6, "of the same stoichiometry"
        assert found.composition.get_el_amt_dict() == {"Li": 1, "K": 1, "N": 3}
    ((sized,),) = controls.predict("training structure", [["Na"] * 4 + ["Cl"]], 1, 0)
    assert sized is not None
    assert len(sized) == 5
    assert controls.predict("training structure", [["Na"] * 7], 1, 0) == [[None]]


@pytest.mark.parametrize("name", ["random coordinates", "random decoration", "training structure"])
def test_a_prediction_depends_on_the_seed_and_its_number_alone(name: str) -> None:
    controls = Controls.fit(large_a(20))
    compositions = [["Ba", "Ti", "O", "O", "O"]] * 3
    first = controls.predict(name, compositions, 2, 0)
    assert controls.predict(name, compositions[:1], 2, 0)[0] == first[0]
    assert any(one != other for one, other in zip(first[0], first[1], strict=True))
    assert any(one != other for one, other in zip(first[0], controls.predict(name, compositions, 2, 1)[0], strict=True))
