"""Samples like given crystals: what is asked for, what files keep of it, and what evaluation makes of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor

from geodrift.contents import digest
from geodrift.model import Model
from geodrift.testing.command import Result, command
from geodrift_crystals import domain
from geodrift_crystals.codec import CrystalCodec
from geodrift_crystals.files import read, samples

pytestmark = pytest.mark.usefixtures("own_cache")

NAMES = ["NaCl", "CsCl", "SrTiO3", "ZnS", "C"]


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
    """Also behind those that the model does not know, by their elements or their numbers of atoms."""
    salt, caesium = domain.examples()[:2]
    strange = salt.copy().replace_species({"Na": "K"})
    three = Structure(Lattice.cubic(4), ["Ti", "O", "O"], [[0, 0, 0], [0.5, 0.5, 0.1], [0.5, 0, 0.5]])
    codec = domain.fit(domain.examples(), {"given": "composition"})
    assert [one.reason for one in codec.alike([three, strange]).refused] == [
        "3 atoms, not 2, 5",
        "element K is not in the training data",
    ]
    found = model(codec).generate(2, like=[strange, three, salt, caesium], steps=2)
    assert [crystal.properties["like"] for crystal in found] == ["2", "3"] * 2


def test_a_larger_cell_asks_for_the_primitive_one(model: Callable[[CrystalCodec], Model]) -> None:
    """Also of ASE's atoms; and a model that generates species is held to the formula."""
    double = domain.examples()[0]
    double.make_supercell([2, 1, 1])
    free = model(domain.fit(domain.examples(), {}))
    found = free.generate(2, like=[double, AseAtomsAdaptor.get_atoms(double)], steps=3)
    assert [crystal.composition.formula for crystal in found] == ["Na1 Cl1"] * 4


def test_what_the_model_does_not_know_is_told_and_left_out(
    tmp_path: Path, as_table: Callable[..., Path], generate: Callable[..., Result]
) -> None:
    salt, caesium = domain.examples()[:2]
    strange = salt.copy().replace_species({"Na": "K"})
    path = as_table(tmp_path / "asked.csv", [salt, strange, caesium])
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


def test_every_format_is_measured_the_same(tmp_path: Path, table: Path, generate: Callable[..., Result]) -> None:
    assert generate("--like", table).code == 0
    whole = figures(command("evaluate", "crystals", tmp_path / "out", "--reference", table, "--json"))
    one = figures(command("evaluate", "crystals", tmp_path / "out/samples.extxyz", "--reference", table, "--json"))
    assert one == whole
    assert len(read(tmp_path / "out/00000.cif").objects) == 1


def test_the_best_of_three_drafts_of_each_crystal(tmp_path: Path, table: Path, generate: Callable[..., Result]) -> None:
    """One of those that three rounds would give, and never one of a file of known ones where another is left."""
    assert generate("--like", table, "-n", 3).code == 0
    rounds = samples(tmp_path / "out")
    assert generate("--like", table, "--best-of", 3, "--avoid", table, "--overwrite").code == 0
    said = json.loads((tmp_path / "out/manifest.json").read_text())
    assert said["choice"] == {
        "drafts": 3,
        "avoid": {"path": str(table), "sha256": digest(table), "where": {}, "count": 5},
    }
    assert (said["requested"], said["count"]) == (5, 5)
    for i, crystal in enumerate(samples(tmp_path / "out")):
        assert crystal.properties["like"] == str(100 + i)
        assert any((crystal.frac_coords == draft.frac_coords).all() for draft in rounds[i::5])
