"""Files of crystals: every format, what is refused, which rows are wanted, and one line for files that are useless."""

import gzip
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from pymatgen.core import Structure
from pymatgen.io.vasp import Poscar

from geodrift.errors import InputError
from geodrift_crystals import domain
from geodrift_crystals.files import read, samples
from geodrift_crystals.files.reading import Record, understand
from geodrift_crystals.structures import FAILED

XYZ = """2
Lattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3:forces:R:3 energy=-3.5 name='a b' pbc="T T T"
Cs 0 0 0 0 0 0
Cl 2 2 2 0 0 0
2
Properties=species:S:1:pos:R:3
Cs 0 0 0
Cl 2 2 2
1
Lattice="4 0 0 0 4 0 0 0 4" pbc="T T F"
Cs 0 0 0
1
Lattice="4 0 0 0 4 0 8 0 0"
Cs 0 0 0
1
Lattice="4 0 0 0 4 0 0 0 4"
Xx 0 0 0
3
Lattice="4 0 0 0 4 0 0 0 4"
Cs 0 0 0
"""


def table(cif: str, *, columns: str = "material_id,cif,band_gap,split") -> str:
    good = f'mp-1,"{cif}",1.5,train\nmp-2,"{cif}",,test\n'
    return columns + "\n" + good + f'mp-3,"{cif.replace("O O4 1", "Zz O4 1")}",0.1,test\nmp-4,,0,test\n'


def saved(path: Path, content: str) -> Path:
    path.write_bytes(gzip.compress(content.encode()) if path.suffix == ".gz" else content.encode())
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_a_table_keeps_its_columns_as_properties(tmp_path: Path, cif: str, name: str) -> None:
    reading = read(saved(tmp_path / name, table(cif)))
    assert [crystal.properties for crystal in reading.objects] == [
        {"material_id": "mp-1", "band_gap": 1.5, "split": "train"},
        {"material_id": "mp-2", "split": "test"},
    ]
    assert [(r.index, r.name, r.reason) for r in reading.refused] == [
        (3, "mp-3", "unknown element Zz"),
        (4, "mp-4", "not a CIF: no data_ block"),
    ]


def test_rows_are_chosen(tmp_path: Path, cif: str) -> None:
    path = saved(tmp_path / "a.csv", table(cif))
    assert [c.properties["material_id"] for c in read(path, {"split": "test"}).objects] == ["mp-2"]
    assert [c.properties["material_id"] for c in read(path, {"rows": ":1"}).objects] == ["mp-1"]
    assert read(path, {"rows": ":1"}).refused == []


def test_a_folder_of_files_goes_on_after_a_bad_one(tmp_path: Path, cif: str) -> None:
    saved(tmp_path / "good.cif", cif)
    saved(tmp_path / "zipped.cif.gz", cif)
    saved(tmp_path / "empty.cif", "")
    (tmp_path / "binary.cif").write_bytes(b"data_\xff\xfe")
    saved(tmp_path / "broken.cif", cif.split("loop_")[0])
    saved(tmp_path / "readme.txt", "not looked at")
    reading = read(tmp_path)
    assert len(reading.objects) == 2
    assert {r.name: r.reason for r in reading.refused} == {
        "empty.cif": "the file is empty",
        "binary.cif": "not a text file (byte 5); save it as UTF-8",
        "broken": "no sites: _atom_site_fract_x is missing (a truncated file?)",
    }


def test_extended_xyz(tmp_path: Path) -> None:
    reading = read(saved(tmp_path / "a.extxyz", XYZ))
    (found,) = reading.objects
    assert found.lattice.abc == (4, 4, 4)
    assert found.frac_coords.tolist() == [[0, 0, 0], [0.5, 0.5, 0.5]]
    assert found.properties == {"material_id": "frame 1", "energy": -3.5, "name": "a b"}
    assert [(r.index, r.reason) for r in reading.refused] == [
        (2, "no cell: the second line has no Lattice"),
        (3, "not periodic: pbc is T T F"),
        (4, "a cell without volume"),
        (5, "unknown element Xx"),
        (6, "truncated: 1 of 3 atoms"),
    ]


@pytest.mark.parametrize("name", ["POSCAR", "CONTCAR.gz", "POSCAR_12", "a.vasp"])
def test_poscar(tmp_path: Path, crystals: list[Structure], name: str) -> None:
    path = saved(tmp_path / name, str(Poscar(crystals[2])))
    assert domain.same(read(path).objects[0], crystals[2])


def test_a_bad_poscar_is_refused(tmp_path: Path, crystals: list[Structure]) -> None:
    content = str(Poscar(crystals[2]))
    for wrong in (content[:60], "\n".join(content.split("\n")[:9]), content.replace("3.9", "x")):
        with pytest.raises(InputError, match="none of 1 records can be read; the first: 1: POSCAR: "):
            read(saved(tmp_path / "POSCAR", wrong))


WRONG: Mapping[str, tuple[str | None, object, str]] = {
    "missing.cif": (None, {}, "no such file"),
    "empty.csv": ("", {}, "the file is empty"),
    "other.csv": ("id,ciff\n1,x\n", {}, 'no column "cif" (did you mean "ciff"?); available: ciff, id'),
    "quote.csv": ('"cif\n', {}, "line 1: unexpected end of data"),
    "none.csv": ("cif,id\n", {}, "no records"),
    "a.cif": ("hello", {}, "none of 1 records can be read; the first: 1: a: not a CIF: no data_ block"),
    "a.txt": ("x", {}, "unknown format; what can be read ends in .cif, .csv, .extxyz, .xyz, .poscar, .vasp"),
    "a.xyz": ("x\n", {}, "frame 1 begins with 'x', not with a number of atoms"),
    "superscript.xyz": ("²\n", {}, "frame 1 begins with '²', not with a number of atoms"),
    "digits.xyz": ("9" * 5000 + "\n", {}, "not with a number of atoms"),
    "where.csv": ("cif,split\nx,y\n", {"splt": "y"}, 'where.splt: no column "splt" (did you mean "split"?)'),
    "value.csv": ("cif,split\nx,y\n", {"split": "z"}, "where.split=z matches no record; values there: y"),
    "rows.csv": ("cif,split\nx,y\n", {"rows": "1"}, 'where.rows: "1" is not a range'),
    "table.csv": ("cif,split\nx,y\n", 5, "where: a table of columns and values, not 5"),
}


@pytest.mark.parametrize("name", WRONG)
def test_useless_files_are_one_clear_line(tmp_path: Path, name: str) -> None:
    content, where, message = WRONG[name]
    path = tmp_path / name if content is None else saved(tmp_path / name, content)
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        read(path, where)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_names_that_are_nearly_right(tmp_path: Path, cif: str) -> None:
    saved(tmp_path / "perov.cif", cif)
    with pytest.raises(InputError, match=r"no such file; did you mean perov\.cif\?"):
        read(tmp_path / "prov.cif")
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="no file that can be read in this folder"):
        read(tmp_path / "none")


def test_samples_of_a_file_keep_what_is_not_valid(tmp_path: Path, cif: str) -> None:
    found = samples(saved(tmp_path / "a.csv", table(cif)))
    assert [FAILED in crystal.properties for crystal in found] == [False, False, True, True]
    assert found[2].volume < 0.1


def test_a_parser_that_breaks_is_a_refusal() -> None:
    def broken() -> Structure:
        raise ZeroDivisionError("division\nby zero")

    reading = understand([Record(7, "it", broken)])
    assert [(r.index, r.name, r.reason) for r in reading.refused] == [
        (7, "it", "cannot be parsed: ZeroDivisionError: division by zero")
    ]


@pytest.mark.slow  # processes start anew
def test_several_processes_read_the_same(tmp_path: Path, cif: str) -> None:
    path = saved(tmp_path / "a.csv", table(cif) + "".join(f'x{i},"{cif}",2,a\n' for i in range(70)))
    one, two = read(path), read(path, jobs=2)
    assert [c.properties for c in one.objects] == [c.properties for c in two.objects]
    assert all(a == b for a, b in zip(one.objects, two.objects, strict=True))
    assert one.refused == two.refused


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "count"),
    [("perov_5_val", 3787), ("perov_5_test", 3785), ("carbon_24_val", 2032), ("mp_20_part_train", 1000)],
)
def test_the_shared_sets_are_read_whole(shared_data: Path, name: str, count: int) -> None:
    reading = read(shared_data / "crystals" / f"{name}.csv.gz", jobs=1)
    assert (len(reading.objects), reading.refused) == (count, [])
