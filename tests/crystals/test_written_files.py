"""Samples as files: what is written is read again, with what could not be decoded in its place."""

import csv
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Structure
from pymatgen.io.cif import CifParser

from geodrift.errors import InputError
from geodrift_crystals import domain
from geodrift_crystals.files import read, samples, write
from geodrift_crystals.structures import FAILED, failed


@pytest.fixture
def mixed(crystals: list[Structure]) -> list[Structure]:
    """Crystals, and samples that could not be decoded, the first among them."""
    lost = failed(["Na", "Na", "Cl"], "numbers, that are not finite")
    return [lost, *crystals[:3], failed(["O"], "numbers"), *crystals[3:]]


def test_what_is_written_is_read_again(tmp_path: Path, mixed: list[Structure]) -> None:
    written = write(mixed, tmp_path)
    assert {path.name for path in written} == {path.name for path in tmp_path.iterdir()}
    found = samples(tmp_path)
    assert all(domain.same(one, other) for one, other in zip(mixed, found, strict=True))
    for one, other in zip(mixed, found, strict=True):
        if FAILED not in one.properties:
            np.testing.assert_allclose(other.lattice.matrix, one.lattice.matrix, atol=1e-8)
            inside = one.lattice.get_cartesian_coords(one.frac_coords % 1)
            np.testing.assert_allclose(other.cart_coords, inside, atol=1e-8)
    reading = read(tmp_path)
    assert len(reading.objects) == len(mixed) - 2
    assert [(r.index, r.name, r.reason) for r in reading.refused] == [
        (0, "Na2 Cl1", "numbers, that are not finite"),
        (4, "O1", "numbers"),
    ]


def test_every_crystal_has_a_cif_of_its_number(tmp_path: Path, mixed: list[Structure]) -> None:
    write(mixed, tmp_path)
    assert not (tmp_path / "00000.cif").exists()
    for index, crystal in enumerate(mixed):
        if FAILED not in crystal.properties:
            path = tmp_path / f"{index:05}.cif"
            assert domain.same(read(path).objects[0], crystal)
            parsed = CifParser(path, check_cif=True).parse_structures(primitive=False, on_error="raise")
            assert domain.same(parsed[0], crystal)


def test_a_cif_says_which_space_group_was_found_and_how(tmp_path: Path, mixed: list[Structure]) -> None:
    write(mixed, tmp_path)
    text = (tmp_path / "00003.cif").read_text()
    assert "# Space group found by spglib with symprec 0.1 angstrom: Pm-3m (221)." in text
    assert "_symmetry_space_group_name_H-M 'P 1'" in text
    assert "_geodrift_space_group_found 'Pm-3m'" in text
    assert "_geodrift_symprec 0.1" in text
    assert text.isascii()
    assert 'space_group="Pm-3m" space_group_number=221 symprec=0.1' in (tmp_path / "samples.extxyz").read_text()


def test_nothing_but_failures(tmp_path: Path) -> None:
    lost = [failed(["O", "O"], "numbers")]
    assert [path.name for path in write(lost, tmp_path)] == ["invalid.csv"]
    (found,) = samples(tmp_path)
    assert domain.same(found, lost[0])
    with pytest.raises(InputError, match="none of 1 records can be read; the first: 0: O2: numbers"):
        read(tmp_path)


def test_a_list_of_failures_that_was_damaged(tmp_path: Path, mixed: list[Structure]) -> None:
    write(mixed, tmp_path)
    (tmp_path / "invalid.csv").write_text("index,what\nx,y\n")
    with pytest.raises(InputError, match="not the list that `geodrift generate` wrote"):
        samples(tmp_path)


def test_an_earlier_list_of_failures_goes(tmp_path: Path, mixed: list[Structure], crystals: list[Structure]) -> None:
    write(mixed, tmp_path)
    write(crystals, tmp_path)
    assert not (tmp_path / "invalid.csv").exists()


def test_a_database_of_ase(tmp_path: Path, mixed: list[Structure]) -> None:
    db = pytest.importorskip("ase.db")
    write(mixed, tmp_path, ["ase"])
    with db.connect(tmp_path / "samples.db") as database:
        rows = list(database.select())
    assert [row.sample for row in rows] == [i for i, c in enumerate(mixed) if FAILED not in c.properties]
    assert (rows[2].formula, rows[2].space_group_found, rows[2].symprec) == ("SrTiO3", "Pm-3m", 0.1)
    np.testing.assert_allclose(rows[2].toatoms().get_volume(), mixed[3].volume)


def test_a_table_in_parquet(tmp_path: Path, mixed: list[Structure]) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    written = write(mixed, tmp_path, ["parquet", "parquet"])
    assert [path.name for path in written].count("samples.parquet") == 1
    rows = parquet.read_table(tmp_path / "samples.parquet").to_pylist()
    assert rows[2]["formula"] == "SrTiO3"
    assert rows[2]["cif"] == (tmp_path / "00003.cif").read_text()
    (tmp_path / "again.csv").write_text("")
    with (tmp_path / "again.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([["cif"], *([row["cif"]] for row in rows)])
    assert len(read(tmp_path / "again.csv").objects) == len(rows)


def test_an_unknown_format(tmp_path: Path, crystals: list[Structure]) -> None:
    with pytest.raises(InputError, match=r'no format "parqet" \(did you mean "parquet"\?\); available: ase, parquet'):
        write(crystals, tmp_path, ["parqet"])
    assert list(tmp_path.iterdir()) == []


def test_overlapping_atoms_stay_as_they_are(tmp_path: Path, crystals: list[Structure]) -> None:
    clash = Structure(crystals[0].lattice, ["Na", "Na"], [[0, 0, 0], [0.001, 0, 0]])
    write([clash, crystals[1]], tmp_path)
    for place in (tmp_path, tmp_path / "00000.cif"):
        found = samples(place)[0]
        assert found.composition == clash.composition
        assert found.distance_matrix.max() == pytest.approx(0.001 * clash.lattice.a)
    reading = read(tmp_path)
    assert [(r.index, r.reason) for r in reading.refused] == [(1, "duplicate sites: Na and Na at the same place")]
    assert len(reading.objects) == 1
