"""Bad input by the command line: one line that says what is wrong, exit code 2, and the rest of a batch goes on."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from geodrift.testing.command import Result, command
from geodrift_crystals import domain

pytestmark = pytest.mark.usefixtures("own_cache")


def refused(result: Result) -> str:
    """The one line of a command that was refused."""
    assert (result.code, result.output) == (2, ""), result.errors
    assert result.errors.count("\n") == 1, result.errors
    return result.errors.removeprefix("geodrift: ").rstrip("\n")


def figures(result: Result) -> dict[str, dict[str, Any]]:
    assert result.code == 0, result.errors
    return {metric["name"]: metric for metric in result.document["metrics"]}


ASKED = {
    ("formula=SrTi(O3",): "condition formula=SrTi(O3: not a formula; write it as SrTiO3",
    ("formula=hello",): "condition formula=hello: not a formula; write it as SrTiO3",
    ("formula=Sr0.5TiO3",): "condition formula=Sr0.5TiO3: parts of atoms",
    ("formula=KCl",): "condition formula=KCl: no K in the data that this model learned from; it knows C, O, Na",
    ("formula=Na200Cl200",): "condition formula=Na200Cl200: 400 atoms; the cells that this model learned from have",
    ("formula=Na900Cl",): "condition formula=Na900Cl: 901 atoms; a cell may have up to 500",
    ("formula=NaCl", "atoms=3"): "conditions formula=NaCl and atoms=3: not a multiple of its 2 atoms",
    ("formula=NaCl", "chemical_system=Na-Cl-O"): "conditions formula=NaCl and chemical_system=O-Na-Cl: not the same el",
    ("formula=NaCl", "formula=CsCl"): "--condition formula=CsCl: formula is given twice",
    ("chemical_system=Na-Xx",): "condition chemical_system=Na-Xx: not a list of elements; write it as Sr-Ti-O",
    ("density=3",): 'no condition "density"',
}


@pytest.mark.parametrize("asked", ASKED, ids=" ".join)
def test_conditions_that_cannot_be_met(tmp_path: Path, generate: Callable[..., Result], asked: tuple[str, ...]) -> None:
    line = refused(generate(*(part for text in asked for part in ("--condition", text))))
    assert line.startswith(ASKED[asked])
    assert not (tmp_path / "out").exists()


def test_crystals_to_be_like_that_cannot_be_used(
    tmp_path: Path, table: Path, as_table: Callable[..., Path], generate: Callable[..., Result]
) -> None:
    strange = as_table(tmp_path / "strange.csv", [domain.examples()[0].replace_species({"Na": "K"})])
    cases = {
        ("--like", tmp_path / "none.csv"): f"{tmp_path}/none.csv: no such file",
        ("--like", strange): f"{strange}: this model knows none of the objects; the first: 0: 100: element K is not",
        ("--like", table, "--condition", "formula=NaCl"): "condition formula=NaCl: each object that samples are to be",
        ("--like", table, "--condition", "chemical_system=Na-Cl"): "conditions formula=",
        ("--like-where", "rows=:3"): "--like-where: selects rows of a file that is not given",
        ("--like", table, "--like-where", "rows=3"): 'where.rows: "3" is not a range',
    }
    for arguments, words in cases.items():
        assert refused(generate(*arguments)).startswith(words)


@pytest.fixture
def batch(tmp_path: Path, cif: str) -> Path:
    """A folder of files that are broken in every way, and one that is not."""
    big = cif[: cif.index("  Sr Sr0")].replace("_chemical_formula_sum 'Sr1 Ti1 O3'\n", "")
    rows = "".join(f"  O O{i} 1 {i / 10000} {i % 100 / 100} {i % 89 / 89} 1\n" for i in range(10_000))
    contents = {
        "good": cif,
        "empty": "",
        "truncated": cif[: cif.index("  O O4")] + "  O O4 1 0.0",
        "lost": cif[: cif.index("  O O4")],
        "symmetry": cif.replace("  1 'x, y, z'\n", "  1 'x, y, z'\n  2 'y, x+q, z'\n"),
        "cell": cif.replace("_cell_length_a 4.1\n", ""),
        "partial": cif.replace("O O4 1 0.0 0.5 0.5 1", "O O4 1 0.0 0.5 0.5 0.5"),
        "element": cif.replace("O O4 1", "Zz O4 1"),
        "large": big.replace("_cell_formula_units_Z 1\n", "") + rows,
        "volume": cif.replace("_cell_angle_gamma 90", "_cell_angle_gamma 180"),
        "zero": cif.replace("_cell_length_a 4.1", "_cell_length_a 0"),
    }
    folder = tmp_path / "batch"
    folder.mkdir()
    for name, content in contents.items():
        (folder / f"{name}.cif").write_text(content)
    return folder


REASONS = {
    "empty.cif": "the file is empty",
    "truncated": "truncated or broken: a loop_ ends in the middle of a row",
    "lost": "missing sites: the formula is Sr1 Ti1 O3, the sites are Sr1 Ti1 O2",
    "symmetry": "wrong symmetry: 'y, x+q, z' is not an operation",
    "cell": "no cell: _cell_length_a is missing",
    "partial": "partial occupancy: O4 0.5",
    "element": "unknown element Zz",
    "large": "10000 sites; a cell may have up to 500",
    "volume": "a cell without volume: lengths and angles 4.1 4.1 4.2 90 90 180",
    "zero": "a cell without volume: lengths and angles 0 4.1 4.2 90 90 90",
}


def test_a_batch_goes_on_after_what_is_broken(tmp_path: Path, batch: Path, trained: Path) -> None:
    ask = ("--preset", trained.parent / "tiny.toml", "--data", batch, "--out", tmp_path / "new")
    result = command("train", "crystals", *ask)
    assert result.code == 0
    assert f"{batch}: 1 objects, 10 refused" in result.errors
    with (tmp_path / "new/refused.csv").open(newline="") as file:
        assert {row["name"]: row["reason"] for row in csv.DictReader(file)} == REASONS
    measured = figures(command("evaluate", "crystals", batch, "--json"))
    assert (measured["struct_valid"]["value"], measured["struct_valid"]["n"]) == (pytest.approx(1 / 11), 11)
    assert measured["struct_valid"]["protocol"].startswith("10 of 11 samples are no crystals; the first: ")


@pytest.mark.parametrize("name", REASONS)
def test_a_broken_file_is_one_line(tmp_path: Path, batch: Path, trained: Path, name: str) -> None:
    path = batch / f"{name.removesuffix('.cif')}.cif"
    ask = ("--preset", trained.parent / "tiny.toml", "--data", path, "--out", tmp_path / "new")
    line = refused(command("train", "crystals", *ask))
    assert line.startswith(f"{path}: ")
    assert REASONS[name] in line
    assert not (tmp_path / "new").exists()


def test_references_that_are_empty_or_wrong(
    tmp_path: Path, table: Path, as_table: Callable[..., Path], generate: Callable[..., Result]
) -> None:
    assert generate("--like", table).code == 0
    other = as_table(tmp_path / "other.csv", [domain.examples()[0].replace_species({"Na": "K"})])
    (tmp_path / "none.csv").write_text("material_id,cif\n")
    (tmp_path / "blank.csv").write_text("")
    (tmp_path / "words.csv").write_text("material_id,smiles\n1,CCO\n")
    cases = {
        (): "task csp: every sample predicts one reference; give them with --reference",
        ("--reference", tmp_path / "none.csv"): f"{tmp_path}/none.csv: no records",
        ("--reference", tmp_path / "blank.csv"): f"{tmp_path}/blank.csv: the file is empty",
        ("--reference", tmp_path / "words.csv"): f'{tmp_path}/words.csv: no column "cif"; available: ',
        ("--reference", tmp_path / "gone.csv"): f"{tmp_path}/gone.csv: no such file",
        ("--reference", other): "task csp: 4 of 5 samples predict what is not in the reference, the first 101",
        ("--reference", table, "--option", "k=none"): "k: a whole number from 1, not 'none'",
        ("--reference", table, "--option", "smact=smact15"): 'no smact "smact15"',
    }
    for arguments, words in cases.items():
        assert refused(command("evaluate", "crystals", tmp_path / "out", *arguments)).startswith(words)
    assert not (tmp_path / "out/metrics.json").exists()


def test_an_evaluation_that_is_stopped_says_where_it_goes_on(
    tmp_path: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pressed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("geodrift_crystals.evaluation.evaluate_generation", pressed)
    result = command("evaluate", "crystals", table)
    assert (result.code, result.output) == (130, "")
    assert result.message.startswith("geodrift: stopped; what is kept in ")


def test_a_missing_potential_is_one_line(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [])
    for option in ("energy=true", "relax=2"):
        line = refused(command("evaluate", "crystals", table, "--option", option))
        assert line == 'chgnet is not installed; pip install "geodrift[crystals-energy]"'


def test_a_preset_without_weights_can_be_looked_at() -> None:
    result = command("info", "crystals/perov-csp", "--json")
    assert result.code == 0
    assert result.document["config"]["domain"] == "crystals"
