"""Which target of the network trains best: the strategies of medforj on one network, the same data, steps and calls.

    python benchmarks/brains.py DATA --out FOLDER [--steps 1000] [--channels 16 32 64] [--calls 8 16 32] [--only KIND …]

DATA is a folder of brains such as IXI's. Each process trains the network of a preset (`--preset ixi-4mm`), perhaps with
other `--channels`, on `subjects=training`; then as many brains as subjects are held out, of their ages and sexes, are
drawn with every number of network calls and compared with them: the biased kernel distance and MMD as multiples of what
as many training subjects have. Without `--out` the preset's own weights are measured alone, as `shipped`.

Trainings go to FOLDER and resume; each row is a line of FOLDER/rows.jsonl as soon as it is measured.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from geodrift.config import Config
from geodrift.errors import InputError
from geodrift.likeness import Likeness
from geodrift.model import Model
from geodrift.plugins import domain
from geodrift.presets import load, settings
from geodrift.ranks import fabric
from geodrift.train.launch import launch, prepare

KINDS = ("clean", "noise", "velocity", "flow", "rectified-flow")
FIGURES = ("kid_ratio", "mmd_ratio")
SHIPPED, ROWS = "shipped", "rows.jsonl"


def configured(kind: str, asked: argparse.Namespace) -> Config:
    """The preset with another process and length, and samples that are drawn alike."""
    found = settings(f"mri3d/{asked.preset}")
    train = found.train.model_copy(update={"steps": asked.steps, "log_every": 10, "save_every": 50})
    sample = found.sample.model_copy(update={"solver": "sde-dpm++-2m"})
    network = {**found.network, "channels": asked.channels} if asked.channels else found.network
    return found.model_copy(update={"process": {"kind": kind}, "network": network, "train": train, "sample": sample})


def trained(kind: str, asked: argparse.Namespace) -> Model:
    """The model of a process, trained to its end."""
    if kind == SHIPPED:
        return load(f"mri3d/{asked.preset}")
    folder, config = asked.out / kind, configured(kind, asked)
    session = prepare(config, asked.data, folder, resume=folder.exists())
    if session.progress.step < asked.steps:
        tell(f"{kind}: training from step {session.progress.step} of {asked.steps}")
        launch(session, fabric("cpu", config.train.precision))
    return load(folder)


def measured(kind: str, asked: argparse.Namespace, known: set[tuple[str, int]]) -> Iterator[dict[str, Any]]:
    """The rows of a process that are not known."""
    missing = [calls for calls in asked.calls if (kind, calls) not in known]
    if not missing:
        return
    model, brains = trained(kind, asked), domain("mri3d")
    reference, training = (brains.read(asked.data, {"subjects": part}).objects for part in ("held-out", "training"))
    for calls in missing:
        start = time.process_time()
        samples = drawn(model, reference, calls, asked)
        spent = time.process_time() - start
        found = brains.evaluate(samples, reference, training, {"pairs": 10})
        figures = {m.name: [m.value, m.low, m.high] for m in found if m.name in FIGURES}
        yield {"process": kind, "calls": calls, "seconds": spent / len(samples), **figures}


def drawn(model: Model, reference: list[Any], calls: int, asked: argparse.Namespace) -> list[Any]:
    """Brains of the ages and sexes of the held-out subjects."""
    same = Likeness.of(model.domain, model.codec, reference)
    brief = model.config.sample.model_copy(update={"steps": calls})
    chunks = model.stream(same.numbers(asked.each), seed=asked.seed, settings=brief, conditions=same.joined({}))
    return same.noted([thing for chunk in chunks for thing in chunk.objects])


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _cell(figure: list[float] | None) -> str:
    return "-" if figure is None else "{:.2f} [{:.2f}, {:.2f}]".format(*figure)


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--preset", default="ixi-4mm")
    parser.add_argument("--calls", type=int, nargs="+", default=[8, 16, 32, 64])
    parser.add_argument("--channels", type=int, nargs="+")
    parser.add_argument("--only", nargs="+", default=list(KINDS), choices=KINDS)
    for name, value in {"steps": 1000, "each": 1, "seed": 0}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    return parser


def main() -> None:
    if len(sys.argv) == 1:
        return arguments().print_help()
    asked = arguments().parse_args()
    torch.set_num_threads(1)
    path = asked.out / ROWS if asked.out else None
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path and path.exists() else []
    for kind in asked.only if asked.out else [SHIPPED]:
        for row in measured(kind, asked, {(row["process"], row["calls"]) for row in rows}):
            rows.append(row)
            if path is not None:
                with path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
    print(f"{'process':16} {'calls':>5} {'KID':>22} {'MMD':>20} {'CPU s a brain':>14}")
    for row in rows:
        kid, mmd = (_cell(row.get(name)) for name in FIGURES)
        print(f"{row['process']:16} {row['calls']:5} {kid:>22} {mmd:>20} {row['seconds']:14.1f}")


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"brains: {error}")
