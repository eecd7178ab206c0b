"""Training: resuming equals never having stopped, whatever stopped it, and a checkpoint is whole or absent."""

import csv
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from geodrift.testing.command import Result, command, writing
from geodrift.train.data import Feed

FILES = {"model.safetensors", "ema.safetensors", "optimizer.safetensors"}


@pytest.fixture
def train(config: Path, molecules: Path) -> Callable[..., Result]:
    def run(folder: Path, *arguments: object) -> Result:
        return command("train", "graphs", "--preset", config, "--data", molecules, "--out", folder, *arguments)

    return run


def steps(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "checkpoints").iterdir())


def digests(folder: Path, step: int = 12) -> dict[str, str]:
    """The SHA-256 of the tensors of a checkpoint."""
    files: dict[str, str] = json.loads((folder / f"checkpoints/step-{step:08d}/manifest.json").read_text())["files"]
    assert set(files) == FILES
    return files


def stop_at(monkeypatch: pytest.MonkeyPatch, step: int, *numbers: int) -> None:
    """Send these signals, one after another, before the data of this step are given."""
    batch = Feed.batch

    def stopping(self: Feed, at: int, *ranks: int) -> Any:
        if at == step:
            for number in numbers:
                signal.raise_signal(number)
        return batch(self, at, *ranks)

    monkeypatch.setattr(Feed, "batch", stopping)


def test_keeps_the_last_checkpoints_and_a_log(trained: Path) -> None:
    assert steps(trained) == ["step-00000008", "step-00000012"]
    records = [json.loads(line) for line in (trained / "log.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records] == [4, 8, 12]
    assert all(record["loss"] > 0 and record["steps_per_second"] > 0 for record in records)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_stops_and_resuming_equals_never_stopping(
    number: int, tmp_path: Path, trained: Path, train: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        stop_at(patch, 5, number)
        stopped = train(tmp_path)
    assert stopped.code == 130
    assert stopped.message == f"geodrift: stopped at step 6, which is saved in {tmp_path}; go on with --resume"
    assert steps(tmp_path)[-1] == "step-00000006"
    assert train(tmp_path, "--resume").code == 0
    assert digests(tmp_path) == digests(trained)
    assert (tmp_path / "log.jsonl").read_text().count('"step": 8') == 1


def test_a_second_ctrl_c_stops_at_once(
    tmp_path: Path, trained: Path, train: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        stop_at(patch, 5, signal.SIGINT, signal.SIGINT)
        stopped = train(tmp_path)
    assert stopped.code == 130
    assert stopped.message == f"geodrift: stopped; {tmp_path}/checkpoints/step-00000004 is saved; go on with --resume"
    assert train(tmp_path, "--resume").code == 0
    assert digests(tmp_path) == digests(trained)


def test_a_signal_that_torchrun_passes_on_is_heard_once(
    tmp_path: Path, train: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its processes hear Ctrl-C themselves, and then again from it."""
    with monkeypatch.context() as patch:
        patch.setenv("TORCHELASTIC_RUN_ID", "1")
        stop_at(patch, 5, signal.SIGINT, signal.SIGINT)
        assert train(tmp_path).message.startswith("geodrift: stopped at step 6, which is saved")


def test_a_second_training_in_one_folder_is_refused(tmp_path: Path, train: Callable[..., Result]) -> None:
    with writing(tmp_path):
        refused = train(tmp_path)
    assert refused.code == 2
    assert refused.message == (
        f"geodrift: {tmp_path}: another process is writing here; wait for it or choose another --out"
    )
    assert train(tmp_path).code == 0


def test_a_killed_process_resumes_as_if_never_stopped(
    tmp_path: Path, config: Path, molecules: Path, train: Callable[..., Result]
) -> None:
    longer = ("--set", "train.steps=60", "--set", "train.keep=99")
    arguments = ("train", "graphs", "--preset", config, "--data", molecules, "--out", tmp_path / "killed", *longer)
    process = subprocess.Popen(
        [sys.executable, "-m", "geodrift", *map(str, arguments)],
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},  # as this process: sums of several threads differ in the last bit
    )
    first = tmp_path / "killed/checkpoints/step-00000004/manifest.json"
    while not first.exists() and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert train(tmp_path / "killed", *longer, "--resume").code == 0
    assert train(tmp_path / "straight", *longer).code == 0
    assert digests(tmp_path / "killed", 60) == digests(tmp_path / "straight", 60)


def test_a_full_disk_leaves_the_last_checkpoint_whole(
    tmp_path: Path, trained: Path, train: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        if any((tmp_path / "checkpoints").glob(".step-00000008.*")):
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        result = train(tmp_path)
    where = tmp_path / "checkpoints/step-00000008"
    assert result.code == 2
    assert result.message == f"geodrift: {where}: the checkpoint cannot be written: No space left on device"
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000004"]
    assert command("info", tmp_path).code == 0
    assert train(tmp_path, "--resume").code == 0
    assert digests(tmp_path) == digests(trained)


def test_a_folder_with_a_training_asks_for_resume(trained: Path, train: Callable[..., Result]) -> None:
    result = train(trained)
    assert result.code == 2
    assert (
        result.message == f"geodrift: {trained}: holds a training already; go on with --resume or choose another --out"
    )


ANOTHER = {
    "network.layers=2": "was trained with another [network]",
    "objective.condition_dropout=0.5": "was trained with another [objective]",
    "train.batch_size=4": "was trained with train.batch_size = 8, not 4",
    "train.seed=9": "was trained with train.seed = 0, not 9",
}


@pytest.mark.parametrize("setting", ANOTHER)
def test_resuming_another_training_is_refused(trained: Path, train: Callable[..., Result], setting: str) -> None:
    result = train(trained, "--resume", "--set", setting)
    assert result.code == 2
    assert ANOTHER[setting] in result.message


def test_resuming_with_other_data_is_refused(tmp_path: Path, trained: Path, config: Path) -> None:
    other = tmp_path / "other.smi"
    other.write_text("C\nCC\nCCO\n")
    result = command("train", "graphs", "--preset", config, "--data", other, "--out", trained, "--resume")
    assert result.code == 2
    assert result.message.endswith(f"{other}: not the data of the training in {trained}; resume with the same")


def test_resuming_a_finished_training_says_so(trained: Path, train: Callable[..., Result]) -> None:
    result = train(trained, "--resume")
    assert (result.code, result.output) == (0, "")
    assert result.message == f"geodrift: {trained}: 12 steps are done already; raise train.steps"


def test_longer_and_with_other_reports_may_go_on(tmp_path: Path, trained: Path, train: Callable[..., Result]) -> None:
    folder = shutil.copytree(trained, tmp_path / "copy")
    more = ("--set", "train.steps=14", "--set", "train.sample_every=7", "--set", "train.samples=4")
    assert train(folder, "--resume", *more).code == 0
    told = json.loads((folder / "checkpoints/step-00000014/manifest.json").read_text())["metrics"]
    assert {"loss", "valid"} <= told.keys(), "a checkpoint holds the figures of its own step"


def test_a_number_that_json_lacks_does_not_spoil_a_checkpoint(
    tmp_path: Path, train: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("geodrift_graphs.evaluation.glance", lambda samples: {"odd": float("nan"), "even": 1.0})
    assert train(tmp_path, "--set", "train.sample_every=4", "--set", "train.samples=2").code == 0
    told = json.loads((tmp_path / "checkpoints/step-00000012/manifest.json").read_text())["metrics"]
    assert "odd" not in told
    assert told["even"] == 1
    assert command("info", tmp_path).code == 0


def test_rows_are_chosen_by_column(tmp_path: Path, config: Path) -> None:
    data = tmp_path / "table.csv"
    data.write_text("smiles,split\n" + "CCO,a\nCCN,a\nCCF,b\n" * 3)
    quick = ("--where", "split=b", "--set", "train.steps=2")
    result = command("train", "graphs", "--preset", config, "--data", data, "--out", tmp_path / "run", *quick)
    assert result.code == 0
    assert f"{data}: 3 objects, 0 refused" in result.errors


def test_resuming_without_the_optimiser_is_refused(tmp_path: Path, trained: Path, train: Callable[..., Result]) -> None:
    folder = shutil.copytree(trained, tmp_path / "copy")
    (folder / "checkpoints/step-00000012/optimizer.safetensors").unlink()
    result = train(folder, "--resume")
    assert result.code == 2
    assert result.message.endswith("optimizer.safetensors: cannot be read; the checkpoint is damaged")


def test_bad_lines_are_left_out_and_listed(tmp_path: Path, molecules: Path, config: Path) -> None:
    data, out = tmp_path / "some.smi", tmp_path / "run"
    data.write_text(f"{molecules.read_text()}C1CC\nnonsense\nCC(C)(C)(C)C\n")
    quick = ("--set", "train.steps=2")
    result = command("train", "graphs", "--preset", config, "--data", data, "--out", out, *quick)
    assert result.code == 0
    assert f"{data}: 30 objects, 3 refused" in result.errors
    assert "2 × SMILES does not parse; the first: 31: C1CC" in result.errors
    with (out / "refused.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["index"], row["name"]) for row in rows] == [("31", "C1CC"), ("32", "nonsense"), ("33", "CC(C)(C)(C)C")]
    assert "Explicit valence" in rows[2]["reason"]


def test_a_loss_that_is_not_finite_stops_with_advice(tmp_path: Path, train: Callable[..., Result]) -> None:
    result = train(tmp_path, "--set", "train.lr=1e30", "--set", "train.warmup=0")
    assert result.code == 2
    assert "is not finite at step" in result.message
    assert "lower train.lr" in result.message
