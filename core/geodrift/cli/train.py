"""`geodrift train`: learn from your own files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from geodrift.cli.progress import steps


def train(
    domain: Annotated[str, typer.Argument(help="What kind of data: see `geodrift domains`.")],
    preset: Annotated[str, typer.Option(help="A preset, or a TOML file of your own.")],
    data: Annotated[Path, typer.Option(help="A file or folder of training data.")],
    out: Annotated[Path, typer.Option(help="Folder for checkpoints and the log.")],
    change: Annotated[list[str] | None, typer.Option("--set", help="Change one key: train.lr=1e-4.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in --out.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")] = "auto",
) -> None:
    """Train a preset, or a config of your own, on a file of data."""
    from geodrift.model import settings
    from geodrift.train import launch

    config = settings(preset, domain, change or [])
    runtime = launch.fabric(config, device)
    session = launch.prepare(config, data, out, resume)
    _report(session, data)
    with steps(config.train.steps, session.progress.step) as tick:
        launch.launch(session, runtime, lambda progress, loss: tick(f"loss {loss:.4f}"))


def _report(session: object, data: Path) -> None:
    reading = session.reading  # type: ignore[attr-defined]
    for refusal in reading.refused[:5]:
        typer.echo(f"{data}: {refusal.index}: {refusal.name}: {refusal.reason}", err=True)
    typer.echo(f"{data}: {len(reading.objects)} objects, {len(reading.refused)} refused", err=True)
