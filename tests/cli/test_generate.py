"""Generating: the seed alone decides, what is finished is kept, nothing is half-written."""

import errno
import json
import math
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from geodrift.generation import Run
from geodrift.model import Model
from geodrift.plugins import domain
from geodrift.testing.command import Result, command

FILES = {"samples.smi", "samples.sdf", "invalid.csv", "manifest.json", "report.html"}


@pytest.fixture
def generate(trained: Path) -> Callable[..., Result]:
    def run(folder: Path, *arguments: object) -> Result:
        return command("generate", "graphs", "--checkpoint", trained, "--out", folder, *arguments)

    return run


def manifest(folder: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return values


def native(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in ("samples.smi", "samples.sdf", "invalid.csv")}


def numbers(folder: Path) -> list[str]:
    """The samples that are valid, with their numbers."""
    return (folder / "samples.smi").read_text().splitlines()


def interrupt_at(monkeypatch: pytest.MonkeyPatch, start: int) -> None:
    """Press Ctrl-C while the batch that starts at this sample is drawn."""
    draw = Model.draw

    def interrupted(self: Model, chosen: range, *arguments: Any) -> Any:
        if chosen.start >= start:
            signal.raise_signal(signal.SIGINT)
        return draw(self, chosen, *arguments)

    monkeypatch.setattr(Model, "draw", interrupted)


def test_the_same_seed_gives_the_same_molecules_in_any_batches(tmp_path: Path, generate: Callable[..., Result]) -> None:
    for size in (1, 7, 256, "auto"):
        assert generate(tmp_path / str(size), "-n", 24, "--seed", 3, "--batch-size", size).code == 0
    assert all(native(tmp_path / size) == native(tmp_path / "1") for size in ("7", "256", "auto"))
    assert generate(tmp_path / "other", "-n", 24, "--seed", 4).code == 0
    assert native(tmp_path / "other") != native(tmp_path / "1")


@pytest.mark.parametrize("size", ["0", "-3", "many", "1.5"])
def test_a_batch_has_a_number_of_samples(size: str, tmp_path: Path, generate: Callable[..., Result]) -> None:
    result = generate(tmp_path / "run", "--batch-size", size)
    assert (result.code, result.message) == (2, f"geodrift: --batch-size {size}: give a number from 1 on, or auto")
    assert not (tmp_path / "run").exists()


def test_more_samples_begin_with_the_same(tmp_path: Path, generate: Callable[..., Result]) -> None:
    generate(tmp_path / "few", "-n", 8)
    generate(tmp_path / "many", "-n", 20)
    assert numbers(tmp_path / "many")[: len(numbers(tmp_path / "few"))] == numbers(tmp_path / "few")


def test_the_manifest_says_how_to_do_it_again(tmp_path: Path, trained: Path, generate: Callable[..., Result]) -> None:
    result = generate(tmp_path, "-n", 10, "--batch-size", 4, "--steps", 6, "--solver", "ctmc", "--json",
                      "--set", "sample.solver.eta=2", "--condition", "atoms=3")  # fmt: skip
    assert result.code == 0
    said = manifest(tmp_path)
    assert result.document == said
    assert {path.name for path in tmp_path.iterdir()} == {*said["files"], "manifest.json"} <= FILES
    assert said["config"]["sample"]["solver"] == {"kind": "ctmc", "eta": 2}
    assert (said["status"], said["requested"], said["count"], said["seed"]) == ("complete", 10, 10, 0)
    assert (said["batches"], said["network_calls"]) == (3, 18)
    assert said["conditions"] == {"atoms": 3}
    assert said["versions"].keys() == {"geodrift", "torch", "numpy", "graphs", "python"}
    assert said["seconds"] > 0
    assert said["cpu_seconds"] > 0
    assert said["step"] == 12
    assert len(said["weights"]) == 64
    assert said["glance"].keys() == {"valid", "valid_connected", "unique"}
    assert {molecule.GetNumAtoms() for molecule in domain("graphs").samples(tmp_path)} == {3}


def test_samples_like_the_molecules_of_a_file(tmp_path: Path, molecules: Path, generate: Callable[..., Result]) -> None:
    """As many atoms as each of them, one after another and again, whatever the batches."""
    sizes = [thing.GetNumAtoms() for thing in domain("graphs").read(molecules, {"rows": "5:12"}).objects]
    assert len(set(sizes)) > 2
    for size in (2, 64):
        ask = ("--like", molecules, "--like-where", "rows=5:12", "-n", 3, "--batch-size", size)
        assert generate(tmp_path / str(size), *ask).code == 0
    assert [thing.GetNumAtoms() for thing in domain("graphs").samples(tmp_path / "2")] == sizes * 3
    assert native(tmp_path / "2") == native(tmp_path / "64")
    assert manifest(tmp_path / "2")["like"]["count"] == len(sizes)
    result = generate(tmp_path / "both", "--like", molecules, "--condition", "atoms=3")
    assert result.code == 2
    assert result.message == "geodrift: condition atoms=3: each object that samples are to be like has its own"


def test_the_report_needs_nothing_else(tmp_path: Path, generate: Callable[..., Result]) -> None:
    generate(tmp_path, "-n", 6)
    page = (tmp_path / "report.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "<svg" in page
    assert not any(word in page for word in ("<script src", "<link", "@import", 'src="http', "url(http"))


def test_a_folder_with_files_is_refused(tmp_path: Path, generate: Callable[..., Result]) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    result = generate(tmp_path, "-n", 2)
    assert result.code == 2
    assert result.message.startswith(f"geodrift: {tmp_path}: holds files already; choose another --out")
    assert generate(tmp_path, "-n", 2, "--overwrite").code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_overwriting_replaces_the_earlier_run_alone(tmp_path: Path, generate: Callable[..., Result]) -> None:
    generate(tmp_path, "-n", 9)
    (tmp_path / "notes.txt").write_text("mine")
    assert generate(tmp_path, "-n", 2).code == 2
    assert generate(tmp_path, "-n", 2, "--overwrite").code == 0
    assert manifest(tmp_path)["count"] == 2
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert len(domain("graphs").samples(tmp_path)) == 2


def test_overwriting_removes_nothing_outside_the_folder(tmp_path: Path, generate: Callable[..., Result]) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/thesis.tex").write_text("years of work")
    generate(tmp_path / "run", "-n", 2)
    listed = {**manifest(tmp_path / "run"), "files": ["..", "../other/thesis.tex", ".", "other"]}
    (tmp_path / "run/manifest.json").write_text(json.dumps(listed))
    assert generate(tmp_path / "run", "-n", 2, "--overwrite").code == 0
    assert (tmp_path / "other/thesis.tex").exists()


def test_ctrl_c_keeps_what_is_finished(
    tmp_path: Path, generate: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    generate(tmp_path / "whole", "-n", 30)
    interrupt_at(monkeypatch, 16)
    result = generate(tmp_path / "part", "-n", 30, "--batch-size", 8)
    assert result.code == 130
    assert result.message == f"geodrift: stopped; 16 of 30 samples are in {tmp_path / 'part'}; go on with --resume"
    said = manifest(tmp_path / "part")
    assert (said["status"], said["requested"], said["count"], said["batches"]) == ("partial", 30, 16, 2)
    kept = numbers(tmp_path / "part")
    assert kept == numbers(tmp_path / "whole")[: len(kept)]
    assert len(domain("graphs").samples(tmp_path / "part")) == 16
    assert "16 of 30 (stopped)" in (tmp_path / "part/report.html").read_text()


def test_a_second_ctrl_c_does_not_lose_what_is_finished(
    tmp_path: Path, generate: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Run.write

    def impatient(self: Run, folder: Path) -> Any:
        signal.raise_signal(signal.SIGINT)
        return write(self, folder)

    monkeypatch.setattr(Run, "write", impatient)
    interrupt_at(monkeypatch, 8)
    assert generate(tmp_path, "-n", 30, "--batch-size", 8).code == 130
    assert manifest(tmp_path)["count"] == 8


def test_ctrl_c_before_the_first_batch(
    tmp_path: Path, generate: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_at(monkeypatch, 0)
    assert generate(tmp_path, "-n", 3).code == 130
    assert (manifest(tmp_path)["status"], manifest(tmp_path)["count"]) == ("partial", 0)


def test_a_full_disk_leaves_nothing_half_written(
    tmp_path: Path, generate: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any) -> list[Path]:
        raise OSError(errno.ENOSPC, "No space left on device")

    write = Path.write_text
    with monkeypatch.context() as patch:
        patch.setattr(
            Path, "write_text", lambda self, *a, **k: full() if self.suffix == ".html" else write(self, *a, **k)
        )
        result = generate(tmp_path, "-n", 3)
    assert result.code == 2
    assert result.message == f"geodrift: {tmp_path}: cannot be written: No space left on device"
    assert [path.name for path in tmp_path.iterdir()] == [".drawn"]
    assert generate(tmp_path, "-n", 3, "--resume").code == 0


def test_guidance_asks_the_network_twice(tmp_path: Path, molecules: Path, config: Path) -> None:
    run = tmp_path / "run"
    conditioned = ("--set", 'data.conditions=["logp"]', "--set", "train.steps=2")
    assert command("train", "graphs", "--preset", config, "--data", molecules, "--out", run, *conditioned).code == 0
    asked = ("-n", 4, "--condition", "logp=1.5")
    for name, scale in (("plain", 1), ("guided", 3)):
        ask = ("--checkpoint", run, "--out", tmp_path / name, "--guidance", scale)
        assert command("generate", "graphs", *ask, *asked).code == 0
    calls = [manifest(tmp_path / name)["network_calls"] for name in ("plain", "guided")]
    assert calls == [5, 10]
    assert math.isclose(manifest(tmp_path / "guided")["conditions"]["logp"], 1.5)


def test_drafts_that_cannot_be_ranked_are_refused(
    tmp_path: Path, molecules: Path, generate: Callable[..., Result]
) -> None:
    for asked, told in (
        (("--best-of", 2), "--best-of 2: graphs cannot be ranked by their drafts"),
        (("--avoid", molecules), f"--avoid {molecules}: needs drafts to choose from; draw some with --best-of"),
        (("--avoid-where", "rows=:2"), "--avoid-where: selects rows of a file that is not given"),
    ):
        result = generate(tmp_path / "out", *asked)
        assert (result.code, result.message) == (2, f"geodrift: {told}")
        assert not list((tmp_path / "out").glob("*"))


def test_a_folder_of_its_name_does_not_hide_a_preset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("qm9", "qm", "graphs"):
        (tmp_path / name).mkdir()
    assert command("info", "graphs/qm9").code == 0
    assert command("generate", "graphs", "--preset", "qm9", "-n", 1, "--steps", 1, "--out", "qm9").code == 0
    result = command("generate", "graphs", "--preset", "qm", "--out", "out")
    assert result.code == 2
    assert result.message.startswith("geodrift: qm: neither a preset nor")
