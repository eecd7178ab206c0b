"""Likelihoods from the command line: what they are, what could not be measured, and where they are written."""

import csv
import json
import math
from pathlib import Path

import pytest

from geodrift.likelihood import Bound, FlowLikelihood, Hutchinson
from geodrift.presets import load
from geodrift.testing.command import command

FLOW = '[process]\nkind = "gdss"\npredict = "classes"\nnodes = { kind = "ve", sigma_min = 0.1, sigma_max = 5.0 }\n'


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three molecules that a small training knows, a line that is none and an atom that it never saw."""
    path = tmp_path_factory.mktemp("few") / "few.smi"
    path.write_text("CCO\nnonsense\nC[Se]C\nCCC\nCO\n")
    return path


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory, molecules: Path, config: Path) -> Path:
    """The folder of a training of a flow of real fields."""
    folder = tmp_path_factory.mktemp("flow")
    (folder / "flow.toml").write_text(f"{config.read_text().replace('reveal', 'heun')}\n{FLOW}")
    options = ("--preset", folder / "flow.toml", "--data", molecules, "--out", folder / "run")
    result = command("train", "graphs", *options)
    assert result.code == 0, result.errors
    return folder / "run"


def test_a_bound_for_each_molecule(few: Path, trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    result = command("likelihood", "graphs", few, "--checkpoint", trained, "--steps", 8, "--out", out, "--json")
    assert result.code == 0, result.errors
    document = result.document
    assert json.loads(out.read_text()) == document
    assert (document["kind"], document["unreadable"], document["count"]) == ("bound", 1, 3)
    assert "a lower bound" in document["meaning"]
    assert [row["index"] for row in document["objects"]] == [0, 2, 3]
    assert [row["name"] for row in document["objects"]] == ["CCO", "CCC", "CO"]
    assert [(row["dims"], row["entities"]) for row in document["objects"]] == [(6, 3), (6, 3), (3, 2)]
    assert document["refused"][0]["name"] == "C[Se]C"
    assert "4 objects, 1 records cannot be read" in result.errors
    assert "1 objects cannot be represented" in result.errors
    for row in document["objects"]:
        assert row["nats"] < 0 < row["error"]
        assert row["bits_per_dim"] == pytest.approx(-row["nats"] / math.log(2) / row["dims"])
        assert row["bits_per_entity"] == pytest.approx(-row["nats"] / math.log(2) / row["entities"])
    mean = document["mean"]
    assert mean["nats"] == pytest.approx(sum(row["nats"] for row in document["objects"]) / 3)
    assert mean["error"] == pytest.approx(math.sqrt(sum(row["error"] ** 2 for row in document["objects"])) / 3)


def test_it_is_what_python_measures_whatever_the_batch(few: Path, trained: Path, tmp_path: Path) -> None:
    model = load(trained)
    objects = model.domain.read(few, {}).objects
    direct = model.likelihood(objects, Bound(strata=4), seed=3)
    asked = (
        "--checkpoint",
        trained,
        "--steps",
        8,
        "--seed",
        3,
        "--batch-size",
        1,
        "--out",
        tmp_path / "a.csv",
        "--json",
    )
    document = command("likelihood", "graphs", few, *asked).document
    assert direct.kept == [0, 2, 3]
    assert [row["nats"] for row in document["objects"]] == pytest.approx(direct.found.nats.tolist(), rel=1e-4)


def test_a_density_for_each_molecule(few: Path, flow: Path, tmp_path: Path) -> None:
    out = tmp_path / "figures.csv"
    asked = ("--checkpoint", flow, "--steps", 4, "--out", out)
    exact = command("likelihood", "graphs", few, *asked, "--probes", "exact", "--json").document
    assert exact["kind"] == "exact"
    assert "classes are measured at the points that stand for them" in exact["meaning"]
    assert "smoothed by noise (nodes 0.1, edges" in exact["meaning"]
    assert all(row["error"] == 0 for row in exact["objects"])
    classes = load(flow).denoiser.process.parts["nodes"].embedding.channels
    assert [row["dims"] for row in exact["objects"]] == [3 * classes + 3, 3 * classes + 3, 2 * classes + 1]
    guessed = command("likelihood", "graphs", few, *asked, "--probes", 64, "--json").document
    for row, other in zip(exact["objects"], guessed["objects"], strict=True):
        assert other["error"] > 0
        assert abs(row["nats"] - other["nats"]) < 5 * other["error"]
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [float(row["nats"]) for row in rows] == pytest.approx([row["nats"] for row in guessed["objects"]])
    assert {row["kind"] for row in rows} == {"exact"}


def test_python_chooses_the_way(few: Path, flow: Path) -> None:
    model = load(flow)
    objects = model.domain.read(few, {}).objects
    one, other = (model.likelihood(objects, FlowLikelihood(3, Hutchinson(2)), batch_size=size) for size in (1, 8))
    assert one.found.nats.tolist() == pytest.approx(other.found.nats.tolist(), rel=1e-4)


def test_the_table_says_what_the_figures_are(few: Path, trained: Path) -> None:
    result = command("likelihood", "graphs", few, "--checkpoint", trained, "--steps", 2)
    assert result.code == 0
    assert all(word in result.output for word in ("nats", "± error", "bits/dim", "bits/nodes", "CCO", "mean", "bound:"))
    assert result.message == f"written to {few}.likelihood.csv"
    assert Path(f"{few}.likelihood.csv").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--probes", 4), "directions are those of a flow, and this model has a bound"),
        (("--out", "figures.txt"), "write a .csv or a .json file"),
        (("--steps", 0), "greater than or equal to 1"),
        (("--device", "abacus"), 'no device "abacus"'),
    ],
    ids=["probes", "out", "steps", "device"],
)
def test_bad_options(few: Path, trained: Path, options: tuple[object, ...], message: str) -> None:
    result = command("likelihood", "graphs", few, "--checkpoint", trained, *options)
    assert (result.code, result.output) == (2, "")
    assert message in result.message


@pytest.mark.parametrize("probes", ["0", "many", "-1"])
def test_bad_probes(few: Path, flow: Path, probes: str) -> None:
    result = command("likelihood", "graphs", few, "--checkpoint", flow, f"--probes={probes}")
    assert result.code == 2
    assert "a number of directions, one or more, or exact" in result.message


def test_nothing_to_measure(trained: Path, tmp_path: Path) -> None:
    path = tmp_path / "none.smi"
    path.write_text("C[Se]C\n")
    result = command("likelihood", "graphs", path, "--checkpoint", trained)
    assert result.code == 2
    assert "none of the" in result.message
    assert command("likelihood", "graphs", tmp_path / "absent.smi", "--checkpoint", trained).code == 2
