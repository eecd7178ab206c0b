"""Crystals by the command line: samples like given crystals, what evaluation makes of them, one line for bad input."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from geodrift.model import Model
from geodrift.testing.command import Result, command
from geodrift_crystals import domain
from geodrift_crystals.codec import CrystalCodec
from geodrift_crystals.files import read, samples

CONFIG = """
domain = "crystals"
data = { given = "composition" }
network = { hidden = 16, layers = 1, harmonics = 2 }
train = { steps = 4, batch_size = 4, warmup = 1, log_every = 2 }
sample = { steps = 3 }
"""
NAMES = ["NaCl", "CsCl", "SrTiO3", "ZnS", "C"]


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GEODRIFT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The domain's examples as a table; their identifiers are numbers."""
    return written(tmp_path_factory.mktemp("data") / "known.csv", domain.examples())


def written(path: Path, crystals: list[Structure]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["material_id", "cif"])
        writer.writerows([100 + i, crystal.to(fmt="cif")] for i, crystal in enumerate(crystals))
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, table: Path) -> Path:
    folder = tmp_path_factory.mktemp("run")
    (folder / "tiny.toml").write_text(CONFIG)
    result = command("train", "crystals", "--preset", folder / "tiny.toml", "--data", table, "--out", folder / "run")
    assert result.code == 0, result.errors
    return folder / "run"


@pytest.fixture
def generate(trained: Path, tmp_path: Path) -> Callable[..., Result]:
    def run(*arguments: object) -> Result:
        return command("generate", "crystals", "--checkpoint", trained, "--out", tmp_path / "out", *arguments)

    return run


def refused(result: Result) -> str:
    """The one line of a command that was refused."""
    assert (result.code, result.output) == (2, ""), result.errors
    assert result.errors.count("\n") == 1, result.errors
    return result.errors.removeprefix("geodrift: ").rstrip("\n")


def figures(result: Result) -> dict[str, dict[str, Any]]:
    assert result.code == 0, result.errors
    return {metric["name"]: metric for metric in result.document["metrics"]}


def test_samples_like_the_crystals_of_a_file(tmp_path: Path, table: Path, generate: Callable[..., Result]) -> None:
    """In rounds; each file knows what its sample is to be like, and evaluation pairs them without being told how."""
    assert generate("--like", table, "-n", 2, "--batch-size", 3, "--format", "parquet", "--format", "ase").code == 0
    said = json.loads((tmp_path / "out/manifest.json").read_text())
    assert said["like"] == {"path": str(table), "where": {}, "count": 5, "refused": []}
    assert (said["requested"], said["count"], said["batches"]) == (10, 10, 4)
    found = samples(tmp_path / "out")
    assert [crystal.composition.reduced_formula for crystal in found] == NAMES * 2
    assert [crystal.properties["like"] for crystal in found] == [str(100 + i) for i in range(5)] * 2
    assert "_geodrift_like '102'" in (tmp_path / "out/00007.cif").read_text()
    measured = figures(command("evaluate", "crystals", tmp_path / "out", "--reference", table, "--json"))
    assert {"match", "crmse", "match_2", "crmse_2", "metre"} <= measured.keys()
    assert measured["match"]["n"] == 5
    assert measured["match"]["protocol"].startswith("one sample a reference, paired by material_id, StructureMatcher(")
    assert "like the 5 of known.csv" in (tmp_path / "out/report.html").read_text()


def test_more_rounds_begin_with_the_same(model: Callable[[CrystalCodec], Model]) -> None:
    made = model(domain.fit(domain.examples(), {"given": "composition"}))
    once, thrice = (made.generate(n, like=domain.examples(), seed=1, steps=3) for n in (1, 3))
    assert len(thrice) == 15
    assert all(a == b for a, b in zip(once, thrice, strict=False))
    assert [crystal.properties["like"] for crystal in thrice] == [str(i) for i in range(5)] * 3


def test_crystals_without_a_name_are_told_by_their_places(model: Callable[[CrystalCodec], Model]) -> None:
    """Also behind one that the model does not know."""
    salt, caesium = domain.examples()[:2]
    strange = salt.copy().replace_species({"Na": "K"})
    made = model(domain.fit(domain.examples(), {"given": "composition"}))
    found = made.generate(2, like=[strange, salt, caesium], steps=2)
    assert [crystal.properties["like"] for crystal in found] == ["1", "2"] * 2


def test_a_larger_cell_asks_for_the_primitive_one(model: Callable[[CrystalCodec], Model]) -> None:
    """Also of ASE's atoms; and a model that generates species is held to the formula."""
    double = domain.examples()[0]
    double.make_supercell([2, 1, 1])
    free = model(domain.fit(domain.examples(), {}))
    found = free.generate(2, like=[double, AseAtomsAdaptor.get_atoms(double)], steps=3)
    assert [crystal.composition.formula for crystal in found] == ["Na1 Cl1"] * 4


def test_what_the_model_does_not_know_is_told_and_left_out(
    tmp_path: Path, table: Path, generate: Callable[..., Result]
) -> None:
    salt, caesium = domain.examples()[:2]
    strange = salt.copy().replace_species({"Na": "K"})
    path = written(tmp_path / "asked.csv", [salt, strange, caesium])
    result = generate("--like", path)
    assert result.code == 0
    told = (
        f"{path}: 1 of 3 objects are not known to this model; the first: 1: 101: element K is not in the training data"
    )
    assert told in result.errors
    assert [crystal.properties["like"] for crystal in samples(tmp_path / "out")] == ["100", "102"]
    measured = figures(command("evaluate", "crystals", tmp_path / "out", "--reference", path, "--json"))
    assert measured["match"]["n"] == 3
    assert "1 of 3 references have no sample and count as not found" in measured["match"]["protocol"]


def test_a_sample_that_is_lost_still_counts(
    tmp_path: Path, table: Path, generate: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = Model.draw

    def spoilt(self: Model, *arguments: Any) -> Any:
        state = draw(self, *arguments)
        lattice = state["lattice"].clone()
        lattice[2] = float("nan")
        return state.replace({"lattice": lattice})

    monkeypatch.setattr(Model, "draw", spoilt)
    assert generate("--like", table).code == 0
    assert [crystal.properties["like"] for crystal in samples(tmp_path / "out")] == [str(100 + i) for i in range(5)]
    result = command("evaluate", "crystals", tmp_path / "out", "--reference", table, "--json")
    measured = figures(result)
    assert (measured["struct_valid"]["n"], measured["match"]["n"]) == (5, 5)
    assert (
        "1 of 5 samples are no crystals; the first: numbers that are not finite" in measured["struct_valid"]["protocol"]
    )


ASKED = {
    ("formula=SrTi(O3",): "condition formula=SrTi(O3: not a formula; write it as SrTiO3",
    ("formula=hello",): "condition formula=hello: not a formula; write it as SrTiO3",
    ("formula=Sr0.5TiO3",): "condition formula=Sr0.5TiO3: parts of atoms",
    ("formula=KCl",): "condition formula=KCl: no K in the data that this model learned from; it knows C, O, Na",
    ("formula=Na200Cl200",): "condition formula=Na200Cl200: 400 atoms; this model knows cells of up to 5",
    ("formula=Na900Cl",): "condition formula=Na900Cl: 901 atoms; a cell may have up to 500",
    ("formula=NaCl", "atoms=3"): "conditions formula=NaCl and atoms=3: not a multiple of its 2 atoms",
    ("formula=NaCl", "chemical_system=Na-Cl-O"): "conditions formula=NaCl and chemical_system=O-Na-Cl: not the same el",
    ("formula=NaCl", "formula=CsCl"): "--condition formula=CsCl: formula is given twice",
    ("chemical_system=Na-Xx",): "condition chemical_system=Na-Xx: not a list of elements; write it as Sr-Ti-O",
    ("density=3",): 'no condition "density"; available: atoms, ',
}


@pytest.mark.parametrize("asked", ASKED, ids=" ".join)
def test_conditions_that_cannot_be_met(tmp_path: Path, generate: Callable[..., Result], asked: tuple[str, ...]) -> None:
    line = refused(generate(*(part for text in asked for part in ("--condition", text))))
    assert line.startswith(ASKED[asked])
    assert not (tmp_path / "out").exists()


def test_crystals_to_be_like_that_cannot_be_used(tmp_path: Path, table: Path, generate: Callable[..., Result]) -> None:
    strange = written(tmp_path / "strange.csv", [domain.examples()[0].replace_species({"Na": "K"})])
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


def test_references_that_are_empty_or_wrong(tmp_path: Path, table: Path, generate: Callable[..., Result]) -> None:
    assert generate("--like", table).code == 0
    other = written(tmp_path / "other.csv", [domain.examples()[0].replace_species({"Na": "K"})])
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


def test_every_format_is_measured_the_same(tmp_path: Path, table: Path, generate: Callable[..., Result]) -> None:
    assert generate("--like", table).code == 0
    whole = figures(command("evaluate", "crystals", tmp_path / "out", "--reference", table, "--json"))
    one = figures(command("evaluate", "crystals", tmp_path / "out/samples.extxyz", "--reference", table, "--json"))
    assert one == whole
    assert len(read(tmp_path / "out/00000.cif").objects) == 1
