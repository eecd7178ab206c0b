"""Kill trainings and generations at random moments, resume them, and compare with runs that nobody disturbed.

A training saves after every step, so that many kills fall into the writing of a checkpoint. Its last weights, their
average and the optimiser must be those of the undisturbed one, bit for bit; generated files must be the same bytes.

python benchmarks/crash.py [--trainings 50] [--generations 20] [--seed 0]
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from geodrift.claim import LOCK

CONFIG = """
domain = "graphs"
[network]
hidden = 16
edge_hidden = 8
layers = 1
heads = 2
[train]
steps = 400
batch_size = 8
warmup = 2
save_every = 1
log_every = 10
[sample]
steps = 20
"""
MOLECULES = "C CC CCC CCO CC=O CC#N C1CC1 c1ccoc1 CNC OCC=O CC(C)O CCN C1CCC1 NC=O FC(F)F CC(=O)N O=C=O C#C C=C CCCO"
SPAN = 1.5  # seconds, from the moment the folder is claimed, in which a process is killed
VARYING = ("seconds", "cpu_seconds")


def start(words: Sequence[object], folder: Path) -> subprocess.Popen[bytes]:
    """A command that writes in a folder."""
    command = [sys.executable, "-m", "geodrift", *map(str, words), "--out", str(folder), "--resume"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finished(words: Sequence[object], folder: Path, kill_after: float | None) -> bool:
    """Run a command, kill it some seconds after it began to write, and say whether it was done before."""
    (folder / LOCK).unlink(missing_ok=True)  # of a killed process; the claim itself ended with it
    process = start(words, folder)
    if kill_after is not None:
        while process.poll() is None and not (folder / LOCK).exists():
            time.sleep(0.005)
        time.sleep(kill_after)
        process.kill()
    errors = process.communicate()[1].decode()
    if process.returncode > 0:
        raise SystemExit(f"{folder} does not resume: {errors.strip().splitlines()[-1]}")
    return process.returncode == 0


def disturbed(words: Sequence[object], folder: Path, kills: int, dice: random.Random) -> tuple[int, list[Path]]:
    """Kill a command so often, and finish it; a finished one is begun again in another folder."""
    done, folders = 0, [folder]
    while done < kills:
        if finished(words, folders[-1], dice.uniform(0, SPAN)):
            folders.append(folder.with_name(f"{folder.name}-{len(folders)}"))
        else:
            done += 1
    finished(words, folders[-1], None)
    return done, folders


def weights(folder: Path) -> object:
    """The SHA-256 of all tensors of the last checkpoint."""
    last = max((folder / "checkpoints").glob("step-*"))
    return last.name, json.loads((last / "manifest.json").read_text())["files"]


def files(folder: Path) -> object:
    """The bytes of all generated files, and the manifest without its seconds."""
    manifest = json.loads((folder / "manifest.json").read_text())
    bytes_of = {name: (folder / name).read_bytes() for name in manifest["files"] if name != "report.html"}
    left = {path.name for path in folder.iterdir()} - {*manifest["files"], "manifest.json"}
    return {key: value for key, value in manifest.items() if key not in VARYING}, bytes_of, left


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trainings", type=int, default=50)
    parser.add_argument("--generations", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    dice = random.Random(asked.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "tiny.toml").write_text(CONFIG)
        (folder / "molecules.smi").write_text("\n".join(MOLECULES.split()))
        train = ("train", "graphs", "--preset", folder / "tiny.toml", "--data", folder / "molecules.smi")
        generate = ("generate", "graphs", "--checkpoint", folder / "straight", "-n", 200, "--batch-size", 4)
        finished(train, folder / "straight", None)
        kills, runs = disturbed(train, folder / "killed", asked.trainings, dice)
        equal = sum(weights(run) == weights(folder / "straight") for run in runs)
        print(f"training: {kills} kills, every resume went on, {equal} of {len(runs)} end with the same tensors")
        finished(generate, folder / "samples", None)
        kills, drawn = disturbed(generate, folder / "again", asked.generations, dice)
        alike = sum(files(run) == files(folder / "samples") for run in drawn)
        print(f"generation: {kills} kills, every resume went on, {alike} of {len(drawn)} write the same files")
    sys.exit((equal, alike) != (len(runs), len(drawn)))


if __name__ == "__main__":
    main()
