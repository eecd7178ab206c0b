"""Measuring and reporting: what was generated is what is measured, also where it is no molecule."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from geodrift import metric
from geodrift.cli.evaluate import show
from geodrift.plugins import domain as find
from geodrift.presets import load
from geodrift.testing.command import command


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory, trained: Path) -> Path:
    folder = tmp_path_factory.mktemp("samples") / "few"
    assert command("generate", "graphs", "--checkpoint", trained, "-n", 40, "--out", folder).code == 0
    return folder


def by_name(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {metric["name"]: metric for metric in document["metrics"]}


def test_files_measure_as_the_objects_do(samples: Path, trained: Path) -> None:
    model = load(trained)
    direct = {metric.name: metric.value for metric in model.evaluate(model.generate(40))}
    result = command("evaluate", "graphs", samples, "--json")
    assert result.code == 0
    assert {name: metric["value"] for name, metric in by_name(result.document).items()} == direct
    assert direct["valid"] < 1
    assert json.loads((samples / "metrics.json").read_text()) == result.document


def test_figures_have_an_interval_a_floor_and_n(samples: Path, molecules: Path, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    result = command("evaluate", "graphs", samples, "--train", molecules, "--out", out, "--json")
    valid = by_name(result.document)["valid"]
    assert valid["n"] == 40
    assert valid["low"] <= valid["value"] <= valid["high"]
    assert (valid["floor"], valid["better"]) == (1.0, "higher")
    assert result.document["train"] == {"path": str(molecules), "where": {}, "count": 30}
    assert json.loads(out.read_text()) == result.document


def test_rows_can_be_chosen(samples: Path, molecules: Path) -> None:
    chosen = ("--train", molecules, "--train-where", "rows=:10")
    assert command("evaluate", "graphs", samples, *chosen, "--json").document["train"]["count"] == 10


def test_the_table_names_every_column(samples: Path) -> None:
    result = command("evaluate", "graphs", samples)
    assert result.code == 0
    assert all(word in result.output for word in ("metric", "value", "95 % interval", "floor", "n", "better", "valid"))


def test_controls_and_protocols_stand_beside_the_figures(capsys: pytest.CaptureFixture[str]) -> None:
    match = replace(metric.share("match", 1, 2), controls={"template": 0.537}, protocol="stol 0.5")
    show([match, metric.share("valid", 1, 2)])
    printed = capsys.readouterr().out
    assert all(words in printed for words in ("Controls", "template", "0.537", "match: stol 0.5"))
    show([metric.share("valid", 1, 2)])
    assert "Controls" not in capsys.readouterr().out


def test_a_file_of_samples_is_measured_with_its_bad_lines(tmp_path: Path) -> None:
    path = tmp_path / "mine.smi"
    path.write_text("CCO\nCC(C)(C)(C)C\nnonsense\nCC\n")
    document = command("evaluate", "graphs", path, "--json").document
    assert by_name(document)["valid"] | {"low": 0, "high": 0} == {
        "name": "valid", "value": 0.5, "n": 4, "low": 0, "high": 0, "floor": None, "better": "higher",
        "controls": {}, "protocol": "",
    }  # fmt: skip
    assert (tmp_path / "mine.smi.metrics.json").exists()


def test_a_table_has_a_row_for_each_sample(tmp_path: Path) -> None:
    path, table = tmp_path / "mine.smi", tmp_path / "rows.csv"
    path.write_text("CCO\nCC(C)(C)(C)C\nC.C\n")
    assert command("evaluate", "graphs", path, "--per-sample", table).code == 0
    assert table.read_text().splitlines() == [
        "index,smiles,atoms,valid,valid_gdss,valid_corrected,connected",
        "0,CCO,3,True,True,True,True",
        "1,,6,False,False,True,True",
        "2,C.C,2,True,True,True,False",
    ]
    result = command("evaluate", "graphs", path, "--per-sample", tmp_path / "rows.txt")
    assert (result.code, result.output) == (2, "")
    assert "write a .csv file" in result.message


def test_graphs_have_a_table_too(tmp_path: Path) -> None:
    path, table = tmp_path / "mine.g6", tmp_path / "rows.csv"
    path.write_text("Bw\nBG\n")
    assert command("evaluate", "graphs", path, "--per-sample", table).code == 0
    assert table.read_text().splitlines() == ["index,nodes,edges,connected", "0,3,3,True", "1,3,1,False"]


def test_a_domain_without_a_table_says_so(molecules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(type(find("graphs")), "rows")
    result = command("evaluate", "graphs", molecules, "--per-sample", "rows.csv")
    assert (result.code, result.message) == (2, "geodrift: --per-sample: graphs has no table of samples")


def test_bars_are_drawn_on_terminals_alone(molecules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    silent = command("evaluate", "graphs", molecules)
    assert silent.errors.splitlines() == [silent.message]
    monkeypatch.setenv("FORCE_COLOR", "1")  # of rich: the stream is a terminal
    drawn = command("evaluate", "graphs", molecules)
    assert "verdicts" in drawn.errors
    assert "0/30" in drawn.errors
    assert "verdicts" not in drawn.output


def test_unknown_options_name_the_nearest(samples: Path) -> None:
    result = command("evaluate", "graphs", samples, "--option", "sed=1")
    assert result.code == 2
    assert 'no option of evaluate "sed" (did you mean "seed"?)' in result.message


def test_the_report_shows_the_figures(samples: Path) -> None:
    command("evaluate", "graphs", samples)
    (samples / "report.html").unlink()
    result = command("report", samples, "--json")
    figures = len(json.loads((samples / "metrics.json").read_text())["metrics"])
    assert result.document == {"report": str(samples / "report.html"), "samples": 40, "metrics": figures}
    assert "<table" in (samples / "report.html").read_text()


def test_the_report_measures_against_data(samples: Path, molecules: Path) -> None:
    assert command("report", samples, "--train", molecules).code == 0
    assert json.loads((samples / "metrics.json").read_text())["train"]["count"] == 30


def test_a_manifest_of_a_newer_geodrift_is_refused(samples: Path, tmp_path: Path) -> None:
    values = json.loads((samples / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps({**values, "format": 2}))
    result = command("report", tmp_path)
    assert result.code == 2
    assert result.message.endswith("format 2, this geodrift reads 1; upgrade geodrift")


@pytest.mark.parametrize("option", ["jobs=0", "jobs=x", "seed=-1", "protocol=5", "jbos=1"])
def test_options_of_evaluate_that_make_no_sense(molecules: Path, option: str) -> None:
    result = command("evaluate", "graphs", molecules, "--option", option)
    assert (result.code, result.output) == (2, "")
    assert result.message.startswith(
        tuple(f"geodrift: {what}" for what in ("jobs: ", "seed: ", "no option of evaluate"))
    )
