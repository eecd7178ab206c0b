"""A row for each sample, and an evaluation that is stopped: what was done is read, not computed again."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Structure

from geodrift.testing.command import command
from geodrift_crystals import domain
from geodrift_crystals.files import write
from geodrift_crystals.metrics import energy, store
from geodrift_crystals.structures import failed

AsTable = Callable[[Path, list[Structure]], Path]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEODRIFT_CACHE", str(tmp_path / "cache"))


def near(structure: Structure, scale: float = 0.02) -> Structure:
    steps = np.random.default_rng(0).normal(scale=scale, size=(len(structure), 3))
    return Structure(structure.lattice, structure.species, structure.frac_coords + steps)


def test_predictions_have_their_reference_and_their_distance() -> None:
    true = domain.examples()
    lost, swapped = failed(["Zn", "S"], "truncated"), Structure(true[4].lattice, ["C", "C"], [[0, 0, 0], [0.5, 0, 0]])
    samples = [near(true[0]), near(true[1]), near(true[1]), lost, swapped]
    reference = [true[0], true[1], true[1], true[3], true[4]]
    rows = domain.rows([*samples[:2], samples[1], *samples[3:]], reference, {"task": "csp"})
    assert [row["index"] for row in rows] == [0, 1, 2, 3, 4]
    assert [row["formula"] for row in rows] == ["Na1 Cl1", "Cs1 Cl1", "Cs1 Cl1", "Zn1 S1", "C2"]
    assert [row["valid"] for row in rows] == [True, True, True, False, True]
    assert [row["reference"] for row in rows] == ["0", "1", "2", "3", "4"], "the same sample twice is two"
    matcher = StructureMatcher(ltol=0.3, stol=0.5, angle_tol=10)
    for row, sample, real in zip(rows[:3], samples, reference, strict=False):
        assert row["rms"] == pytest.approx(matcher.get_rms_dist(sample, real)[0], abs=1e-6)
        assert row["rms"] > 0
        assert row["density"] == pytest.approx(sample.density)
    assert (rows[3]["rms"], rows[3]["density"], rows[3]["space_group"]) == (None, None, None)
    assert rows[4]["rms"] is None


def test_generated_crystals_have_groups_and_energies_where_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(energy, "described", lambda: "CHGNet")
    monkeypatch.setattr(energy, "energies", lambda part, jobs: np.array([np.nan, *range(1, len(part))], float))
    samples = [None, *domain.examples()]
    plain, asked = domain.rows(samples, [], {}), domain.rows(samples, [], {"energy": True})
    assert [row["space_group"] for row in plain] == [None, 225, 221, 221, 216, 227]
    assert [row["energy"] for row in asked] == [None, None, 1, 2, 3, 4]
    assert all({"rms", "reference", "energy"}.isdisjoint(row) for row in plain)
    assert len({tuple(row) for row in asked}) == 1, "all rows have the same columns"


@pytest.fixture
def predicted(tmp_path: Path, as_table: AsTable) -> list[object]:
    """A command that evaluates predictions of a file of crystals."""
    true = domain.examples()
    (tmp_path / "samples").mkdir()
    write([near(structure) for structure in true], tmp_path / "samples")
    data = as_table(tmp_path / "true.csv", true)
    given = ["--reference", data, "--train", data, "--option", "task=csp", "--json"]
    return ["evaluate", "crystals", tmp_path / "samples", *given]


def test_the_command_writes_the_table(predicted: list[object], tmp_path: Path) -> None:
    result = command(*predicted, "--per-sample", tmp_path / "rows.csv")
    assert result.code == 0, result.errors
    with (tmp_path / "rows.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["reference"] for row in rows] == ["100", "101", "102", "103", "104"]
    figures = {metric["name"]: metric["value"] for metric in result.document["metrics"]}
    assert np.mean([float(row["rms"]) for row in rows]) == pytest.approx(figures["rmse"])
    refused = command(*predicted, "--per-sample", tmp_path / "rows.txt")
    assert (refused.code, refused.message) == (2, f"geodrift: --per-sample {tmp_path / 'rows.txt'}: write a .csv file")


def test_a_stopped_evaluation_goes_on_where_it_was(predicted: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    """By the command line: the second run computes what the first did not, and the third nothing."""
    computed: list[set[bytes]] = [set()]
    compute = store._computed

    def stopping(function: object, todo: dict[bytes, object], *rest: object) -> object:
        if len(computed) == 1 and len(computed[0]) > 5:
            raise KeyboardInterrupt
        computed[-1] |= set(todo)
        return compute(function, todo, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "_computed", stopping)
    first = command(*predicted)
    assert first.code == 130
    assert "is not computed again by the same command" in first.message
    computed.append(set())
    second = command(*predicted)
    computed.append(set())
    assert command(*predicted).document == second.document
    assert computed[0]
    assert computed[1]
    assert computed[0].isdisjoint(computed[1])
    assert not computed[2]
