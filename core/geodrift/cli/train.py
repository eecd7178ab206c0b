"""`geodrift train`: learn from your own files."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geodrift.cli.console import note
from geodrift.cli.interrupts import waiting
from geodrift.cli.options import device as find_device
from geodrift.cli.options import pairs
from geodrift.cli.progress import bar
from geodrift.cli.session import Quiet

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from geodrift.domain import Reading, Refusal
    from geodrift.train.launch import Session

_REASONS = 5  # reasons that are named; the file has all


def train(
    domain: Annotated[str, typer.Argument(help="What kind of data: see `geodrift domains`.")],
    preset: Annotated[str, typer.Option(help="A preset, or a TOML file of your own.")],
    data: Annotated[Path, typer.Option(help="A file or folder of training data.")],
    out: Annotated[Path, typer.Option(help="Folder for checkpoints and the log.")],
    where: Annotated[list[str] | None, typer.Option(help="Rows of the data: key=value.")] = None,
    change: Annotated[list[str] | None, typer.Option("--set", help="Change one key: train.lr=1e-4.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in --out.")] = False,
    start: Annotated[str | None, typer.Option(help="A trained model to begin with: a preset, or a folder.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda.")] = "auto",
    quiet: Quiet = False,
) -> None:
    """Train a preset, or a config of your own, on a file of data."""
    from geodrift import ranks
    from geodrift.claim import claimed
    from geodrift.precision import has_bfloat16
    from geodrift.presets import settings
    from geodrift.train import launch

    config = settings(preset, domain, change or [])
    if where:
        config = config.model_copy(update={"data": {**config.data, "where": pairs("--where", where)}})
    runtime = ranks.fabric(find_device(device), config.train.precision)
    if config.train.precision == "bf16" and not has_bfloat16(runtime.device.type):
        note(f"geodrift: this {runtime.device.type} has no instructions for bf16; training in single precision")
    with claimed(out) if runtime.is_global_zero else nullcontext():
        session = launch.prepare(config, data, out, resume, runtime.device, start)
        if runtime.is_global_zero:
            _read(session.reading, data, out)
        _run(session, runtime)


def _run(session: Session, runtime: Fabric) -> None:
    from geodrift.train import launch

    folder, progress, steps = session.folder, session.progress, session.model.config.train.steps
    last: dict[str, float] = {}
    glance: dict[str, float] = {}

    def tell(values: dict[str, float]) -> None:
        last.update(values)
        if "loss" not in values:
            glance.update(values)

    if progress.step >= steps:
        return note(f"geodrift: {folder}: {progress.step} steps are done already; raise train.steps")
    try:
        with bar(steps, progress.step, shown=runtime.is_global_zero) as tick, waiting() as stop:
            launch.launch(session, runtime, lambda _, loss: tick(word=_line({"loss": loss, **glance})), tell, stop)
    except KeyboardInterrupt:
        note(_stopped(folder))
        raise typer.Exit(130) from None
    if not runtime.is_global_zero:
        return
    if progress.step < steps:
        note(f"geodrift: stopped at step {progress.step}, which is saved in {folder}; go on with --resume")
        raise typer.Exit(130)
    print(f"{folder}: {progress.step} steps, {_line(last)}")


def _stopped(folder: Path) -> str:
    from geodrift.checkpoint import latest

    last = latest(folder / "checkpoints")
    return f"geodrift: stopped; {f'{last} is saved; go on with --resume' if last else 'nothing is saved yet'}"


def _line(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in values.items())


def _read(reading: Reading, data: Path, out: Path) -> None:
    """Say what the data file held; what was refused goes to a file."""
    refused = reading.refused
    note(f"{data}: {len(reading.objects)} objects, {len(refused)} refused")
    if not refused:
        return
    counts = Counter(refusal.reason for refusal in refused)
    for reason, count in counts.most_common(_REASONS):
        first = next(refusal for refusal in refused if refusal.reason == reason)
        note(f"  {count} × {reason}; the first: {first.index}: {first.name}")
    note(f"  all of them are in {_listed(refused, out / 'refused.csv')}")


def _listed(refused: Sequence[Refusal], path: Path) -> Path:
    from geodrift.samples import staged

    with staged(path.parent) as temporary, (temporary / path.name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["index", "name", "reason"])
        writer.writerows([refusal.index, refusal.name, refusal.reason] for refusal in refused)
    return path
