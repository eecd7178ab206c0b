"""Generating in pieces, or by several processes: what comes out is what one run that was never stopped gives."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from torch import Tensor

from geodrift.drawn import FOLDER
from geodrift.model import Model
from geodrift.testing.command import Result, command, writing

ASK = ("-n", 30, "--batch-size", 8, "--seed", 2)
VARYING = {"manifest.json", "report.html"}  # they hold seconds


@pytest.fixture
def generate(trained: Path) -> Callable[..., Result]:
    def run(folder: Path, *arguments: object) -> Result:
        return command("generate", "graphs", "--checkpoint", trained, "--out", folder, *arguments)

    return run


@pytest.fixture
def straight(tmp_path: Path, generate: Callable[..., Result]) -> Path:
    """The samples of a run that nobody stopped."""
    assert generate(tmp_path / "straight", *ASK).code == 0
    return tmp_path / "straight"


def same(folder: Path, other: Path) -> bool:
    """Whether both hold the same files, and nothing else."""
    names = {path.name for path in folder.iterdir()}
    equal = all((folder / name).read_bytes() == (other / name).read_bytes() for name in names - VARYING)
    return names == {path.name for path in other.iterdir()} and equal


def draws(monkeypatch: pytest.MonkeyPatch, interrupt: int | None = None) -> list[int]:
    """The first numbers of the batches that are drawn from now on; Ctrl-C is pressed in one of them."""
    draw, seen = Model.draw, []

    def watched(self: Model, numbers: range, *arguments: Any) -> Any:
        if numbers.start == interrupt:
            signal.raise_signal(signal.SIGTERM)
        seen.append(numbers.start)
        return draw(self, numbers, *arguments)

    monkeypatch.setattr(Model, "draw", watched)
    return seen


@pytest.mark.parametrize("size", [8, "auto"])
def test_a_stopped_run_goes_on_with_what_is_missing(
    size: int | str,
    tmp_path: Path,
    straight: Path,
    generate: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        draws(patch, interrupt=16)
        assert generate(tmp_path / "run", *ASK).code == 130
    again, ask = draws(monkeypatch), [size if item == 8 else item for item in ASK]
    assert generate(tmp_path / "run", *ask, "--resume", "--json").document["network_calls"] == 20
    assert again == [16, 24]
    assert same(tmp_path / "run", straight)


def test_a_killed_run_goes_on(tmp_path: Path, straight: Path, trained: Path, generate: Callable[..., Result]) -> None:
    run = tmp_path / "run"
    arguments = ("generate", "graphs", "--checkpoint", trained, "--out", run, *ASK)
    process = subprocess.Popen([sys.executable, "-m", "geodrift", *map(str, arguments)], stderr=subprocess.DEVNULL)
    while not list(run.glob(f"{FOLDER}/*.safetensors")) and process.poll() is None:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    refused = generate(run, *ASK)
    assert refused.code == 2
    assert "go on with --resume" in refused.message
    assert generate(run, *ASK, "--resume").code == 0
    assert same(run, straight)


def test_resuming_where_nothing_was_begun_begins(
    tmp_path: Path, straight: Path, generate: Callable[..., Result]
) -> None:
    assert generate(tmp_path / "run", *ASK, "--resume").code == 0
    assert same(tmp_path / "run", straight)


def test_resuming_a_whole_run_draws_nothing(
    straight: Path, generate: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    again, before = draws(monkeypatch), (straight / "manifest.json").read_bytes()
    assert generate(straight, *ASK, "--resume").code == 0
    assert again == []
    assert (straight / "manifest.json").read_bytes() == before


@pytest.mark.parametrize(
    ("option", "key"), [(("--seed", 3), "seed"), (("-n", 31), "requested"), (("--steps", 2), "config")]
)
def test_resuming_another_run_is_refused_and_loses_nothing(
    option: tuple[object, ...], key: str, tmp_path: Path, straight: Path, generate: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    with monkeypatch.context() as patch:
        draws(patch, interrupt=8)
        generate(tmp_path / "run", *ASK)
    refused = generate(tmp_path / "run", *ASK, *option, "--resume")
    assert refused.code == 2
    assert f"began with another {key}; resume with the same" in refused.message
    assert generate(tmp_path / "run", *ASK, "--resume").code == 0
    assert same(tmp_path / "run", straight)


def test_an_unfinished_run_is_replaced_when_that_is_asked_for(
    tmp_path: Path, straight: Path, generate: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        draws(patch, interrupt=8)
        generate(tmp_path / "run", *ASK, "--seed", 9)
    assert generate(tmp_path / "run", *ASK, "--overwrite").code == 0
    assert same(tmp_path / "run", straight)
    assert generate(tmp_path / "run", *ASK, "--overwrite", "--resume").code == 2


def test_a_damaged_batch_is_named(
    tmp_path: Path, generate: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        draws(patch, interrupt=8)
        generate(tmp_path / "run", *ASK)
    batch = tmp_path / "run" / FOLDER / "00000000-00000008.safetensors"
    batch.write_bytes(batch.read_bytes()[:-40])
    refused = generate(tmp_path / "run", *ASK, "--resume")
    assert (refused.code, refused.message) == (
        2, f"geodrift: {batch}: damaged; remove it, and it will be drawn again"
    )  # fmt: skip


def test_a_second_run_in_one_folder_is_refused(tmp_path: Path, generate: Callable[..., Result]) -> None:
    with writing(tmp_path):
        refused = generate(tmp_path, "-n", 2)
    assert refused.code == 2
    assert "another process is writing here" in refused.message
    assert list(tmp_path.iterdir()) == []


def begun(*arguments: object) -> subprocess.Popen[str]:
    """A command by two processes of this machine, which have begun it in a group of their own."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone", "-m", "geodrift"]
    words = [*torchrun, *map(str, arguments)]
    alone = {name: value for name, value in os.environ.items() if name not in {"RANK", "WORLD_SIZE", "LOCAL_RANK"}}
    pipe = subprocess.PIPE
    return subprocess.Popen(words, env=alone, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def together(*arguments: object) -> subprocess.CompletedProcess[str]:
    """A command by two processes of this machine, when it has ended."""
    process = begun(*arguments)
    out, err = process.communicate(timeout=120)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def test_several_processes_share_a_run(tmp_path: Path, straight: Path, trained: Path) -> None:
    done = together("generate", "graphs", "--checkpoint", trained, "--out", tmp_path / "run", *ASK)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("30 samples") == 1
    assert same(tmp_path / "run", straight)


def test_a_training_goes_on_with_another_number_of_processes(tmp_path: Path, molecules: Path, config: Path) -> None:
    def stages(folder: Path, *runs: Callable[..., Any]) -> dict[str, Tensor]:
        for steps, run in zip((4, 8), runs, strict=True):
            more = ("--set", f"train.steps={steps}", "--set", "train.keep=9", "--resume")
            run("train", "graphs", "--preset", config, "--data", molecules, "--out", folder, *more)
        return load_file(folder / "checkpoints/step-00000008/model.safetensors")

    one, changed = stages(tmp_path / "one", command, command), stages(tmp_path / "two", command, together)
    difference = max(float((one[name] - changed[name]).abs().max()) for name in one)
    assert 0 < difference < 1e-5  # sums in another order


def test_a_run_whose_file_of_objects_has_changed_does_not_go_on(
    tmp_path: Path, generate: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    like = tmp_path / "like.smi"
    like.write_text("CCO\nCC\n")
    ask = ("-n", 12, "--batch-size", 8, "--like", like)
    with monkeypatch.context() as patch:
        draws(patch, interrupt=8)
        assert generate(tmp_path / "run", *ask).code == 130
    like.write_text("CCO\nCCC\n")
    result = generate(tmp_path / "run", *ask, "--resume")
    assert (result.code, "began with another condition_values" in result.message) == (2, True)


def test_a_scheduler_stops_several_processes_after_a_whole_step(tmp_path: Path, molecules: Path, config: Path) -> None:
    """The signal goes to torchrun, which passes it on."""
    run, more = tmp_path / "run", ("--set", "train.steps=100000", "--set", "train.save_every=100000")
    process = begun("train", "graphs", "--preset", config, "--data", molecules, "--out", run, *more)
    log = run / "log.jsonl"  # has a line when both are at work
    while not (log.exists() and log.read_text()) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=60)[1]
    (kept,) = (run / "checkpoints").iterdir()
    assert f"stopped at step {int(kept.name.removeprefix('step-'))}, which is saved" in said


def test_a_process_that_is_left_by_another_says_so(tmp_path: Path, straight: Path, trained: Path) -> None:
    """Two processes, as SLURM starts them, of which one is killed."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    run = tmp_path / "run"
    words = ("generate", "graphs", "--checkpoint", trained, "--out", run, *ASK[:-4], "--batch-size", 1, *ASK[-2:])
    shared = {"MASTER_ADDR": "localhost", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    first, second = (
        subprocess.Popen(
            [sys.executable, "-m", "geodrift", *map(str, words)],
            env={**os.environ, **shared, "RANK": rank, "LOCAL_RANK": rank, "NODE_RANK": "0"},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in "01"
    )
    while not list(run.glob(f"{FOLDER}/*.safetensors")) and first.poll() is None:
        time.sleep(0.001)
    second.kill()
    said = first.communicate(timeout=60)[1]
    second.communicate()
    assert first.returncode == 1
    assert "geodrift: another process of this run has ended; see what it said, and go on with --resume" in said
