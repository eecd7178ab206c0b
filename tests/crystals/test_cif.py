"""CIF: what is read agrees with pymatgen, and what a parser would mend silently is refused by name."""

import re

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure
from pymatgen.io.cif import CifParser, CifWriter

from geodrift_crystals.files.cif import blocks, structure
from geodrift_crystals.structures import MOST_ATOMS, Unrepresentable

ROWS = "  O O4 1 0.0 0.5 0.5 1\n"
SPINEL = Structure.from_spacegroup(
    "Fd-3m", Lattice.cubic(8.08), ["Mg", "Al", "O"], [[0.125, 0.125, 0.125], [0.5, 0.5, 0.5], [0.263, 0.263, 0.263]]
)


def test_a_crystal_that_lists_all_its_sites(cif: str) -> None:
    found, expected = structure(cif), CifParser.from_str(cif, check_cif=False).parse_structures(primitive=False)[0]
    assert found.lattice.parameters == pytest.approx(expected.lattice.parameters)
    assert sorted(site.specie.symbol for site in found) == sorted(site.specie.symbol for site in expected)
    for site in expected:
        assert min(site.distance(other) for other in found if other.specie == site.specie) < 1e-6
    assert found.frac_coords[0] == pytest.approx([0, 0, 0.99])


def test_symmetry_is_expanded() -> None:
    content = str(CifWriter(SPINEL, symprec=0.01))
    assert content.count("\n") < 250  # three sites
    found = structure(content)
    assert len(found) == 56
    assert found.composition == SPINEL.composition


@pytest.mark.filterwarnings("ignore:No _symmetry_equiv_pos_as_xyz type key found")
def test_symmetry_may_be_named_by_a_symbol_alone() -> None:
    content = str(CifWriter(SPINEL, symprec=0.01))
    head, rest = content.split("loop_", 1)
    found = structure(head + "loop_" + rest.split("loop_", 1)[1])
    assert len(found) == 56


WRONG = {
    "no block": (r"data_test", "", "not a CIF: no data_ block"),
    "no length": (r"_cell_length_b 4.1\n", "", "no cell: _cell_length_b is missing"),
    "no cell": (r"_cell_.*\n", "", "no cell: _cell_length_a is missing"),
    "a length that is no number": (r"_cell_length_b 4.1", "_cell_length_b ?", "_cell_length_b is not a number: ?"),
    "flat angles": (r"gamma 90", "gamma 180", "a cell without volume"),
    "angles of no lattice": (r"alpha 90\n_cell_angle_beta 90", "alpha 20\n_cell_angle_beta 20", "without volume"),
    "a cell of nothing": (r"_cell_length_([abc]) .*", r"_cell_length_\1 0.01", "a cell without volume (1e-06"),
    "no sites": (r"loop_\n _atom_site(.|\n)*", "", "no sites: _atom_site_fract_x is missing (a truncated file?)"),
    "cut in a row": (r" O O4 1 0.0 0.5 0.5 1\n", " O O4 1 0.0", "truncated or broken: a loop_ ends in the middle"),
    "cut after a row": (ROWS, "", "missing sites: the formula is Sr1 Ti1 O3, the sites are Sr1 Ti1 O2"),
    "a site without a position": (ROWS, "  O O4 1 ? ? ? 1\n", "missing site: O4 has no position"),
    "a position that is no number": (ROWS, "  O O4 1 0.0 x 0.5 1\n", "_atom_site_fract_y of O4 is not a number: x"),
    "a line that is too long": (ROWS, ROWS + "x" * 3000 + "\n", "a line of 3000 characters; CIF has up to 2048"),
    "quotation marks": (ROWS, ROWS + "'" * 300 + "\n", "a line of quotation marks; the file is damaged"),
    "a site twice": (ROWS, "  O O4 1 0.5 0.0 0.5 1\n", "duplicate sites: O and O at the same place"),
    "partial occupancy": (ROWS, "  O O4 1 0.0 0.5 0.5 0.5\n", "partial occupancy: O4 0.5"),
    "too much occupancy": (ROWS, "  O O4 1 0.0 0.5 0.5 1.5\n", "partial occupancy: O4 1.5"),
    "mixed occupancy": (ROWS, "  O O4 1 0 0.5 0.5 .7(1)\n  N N5 1 0 0.5 0.5 0.3\n", "partial occupancy: O4 .7(1)"),
    "unknown element": (ROWS, "  Zz Zz4 1 0.0 0.5 0.5 1\n", "unknown element Zz"),
    "an operation that is none": (r"'x, y, z'", "'x, y, q'", "wrong symmetry: 'x, y, q' is not an operation"),
    "a term that is none": (r"'x, y, z'", "'x, y, z+q'", "wrong symmetry: 'x, y, z+q' is not an operation"),
    "an operation that shrinks": (r"'x, y, z'", "'2x, y, z'", "wrong symmetry: '2x, y, z' is not an operation"),
    "an operation of another cell": (r"'x, y, z'", "'x, y, z'\n 2 'z, x, y'\n 3 'y, z, x'", "does not fit the cell"),
    "half of a group": (r"'x, y, z'", "'x, y, z'\n 2 'y, -x, z'", "the operations are not a group"),
    "no such space group": (
        r"loop_\n _symm",
        "_space_group_IT_number 231\nloop_\n _symm",
        "not a number from 1 to 230",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_has_one_clear_reason(cif: str, name: str) -> None:
    pattern, instead, reason = WRONG[name]
    changed, count = re.subn(pattern, instead, cif)
    assert count
    with pytest.raises(Unrepresentable, match=re.escape(reason)) as caught:
        structure(changed)
    assert "\n" not in str(caught.value)


def test_multiplicities_must_add_up(cif: str) -> None:
    with pytest.raises(Unrepresentable, match="missing sites: 7 by their multiplicities, 5 by the symmetry"):
        structure(cif.replace("O O2 1 ", "O O2 3 "))


def test_missing_sites_of_an_element_alone(cif: str) -> None:
    carbon = cif.replace("'Sr1 Ti1 O3'", "C5").replace("units_Z 1", "units_Z 5")
    carbon = re.sub(r"^  (Sr|Ti|O) [A-Z][a-z]?(\d)", r"  C C\2", carbon, flags=re.MULTILINE)
    assert len(structure(carbon)) == 5
    with pytest.raises(Unrepresentable, match=r"missing sites: the formula is C5, the sites are C4"):
        structure(carbon.replace("  C C4 1 0.0 0.5 0.5 1\n", ""))


def test_a_cell_with_thousands_of_sites_is_refused_before_it_is_expanded(cif: str) -> None:
    many = "".join(f"  O O{i} 1 {i / 10_000:.5f} 0.1 0.2 1\n" for i in range(10_000))
    with pytest.raises(Unrepresentable, match=f"10005 sites; a cell may have up to {MOST_ATOMS}"):
        structure(cif + many)


def test_charges_labels_and_isotopes_are_left_out(cif: str) -> None:
    found = structure(cif.replace("Sr Sr0", "Sr2+ Sr0").replace("O O4", "D O4").replace("O3'", "O2 D1'"))
    assert [site.species_string for site in found] == ["Sr", "Ti", "O", "O", "H"]
    assert found.site_properties == {}


def test_labels_serve_where_symbols_are_missing(cif: str) -> None:
    without = re.sub(r" _atom_site_type_symbol\n", "", cif)
    without = re.sub(r"^  (Sr|Ti|O) ", "  ", without, flags=re.MULTILINE)
    assert [site.specie.symbol for site in structure(without)] == ["Sr", "Ti", "O", "O", "O"]


def test_a_file_may_have_several_blocks(cif: str) -> None:
    assert [
        part[:9] for part in blocks("data_global\n_journal 'x'\n" + cif + cif.replace("data_test", "data_two"))
    ] == [
        "data_test",
        "data_two\n",
    ]


@pytest.mark.parametrize("cut", range(0, 900, 17))
def test_a_file_cut_anywhere_is_read_or_refused(cif: str, cut: int) -> None:
    try:
        found = structure(cif[:cut])
    except Unrepresentable:
        return
    assert len(found) == 5
    assert np.allclose(found.lattice.abc, (4.1, 4.1, 4.2))


def test_nothing_is_evaluated(cif: str) -> None:
    with pytest.raises(Unrepresentable, match=r"is not a number: .__import__"):
        structure(cif.replace("0.5 0.5 0.5 1", "(__import__(os).abort()) 0.5 0.5 1"))
