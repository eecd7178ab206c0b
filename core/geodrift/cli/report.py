"""`geodrift report`: the page that shows a folder of samples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from geodrift.cli.console import emit
from geodrift.cli.evaluate import Data, Jobs, Option, Reference, Train, TrainWhere, Where, described, measure, resumable
from geodrift.cli.session import Quiet


def report(
    folder: Annotated[Path, typer.Argument(help="Generated samples: the --out of `geodrift generate`.")],
    reference: Reference = None,
    train: Train = None,
    where: Where = None,
    train_where: TrainWhere = None,
    option: Option = None,
    jobs: Jobs = 1,
    json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Write report.html again, with the figures of metrics.json, or with new ones if there are data to compare with."""
    from geodrift import generation, samples
    from geodrift.plugins import domain as find

    manifest = samples.opened(folder)
    found = find(manifest.domain)
    objects = found.samples(folder) if manifest.count else []
    real, seen = Data.read(found, reference, "--where", where), Data.read(found, train, "--train-where", train_where)
    if reference is None and train is None:
        metrics = samples.figures(folder)
    else:
        with resumable():
            metrics = measure(found, objects, real, seen, option, jobs)
        samples.measured({"samples": str(folder), **described(found, real, seen, option, metrics)}, folder)
    with samples.staged(folder) as temporary:
        generation.report(temporary, manifest, found, objects, real.objects, metrics)
    path = folder / samples.REPORT
    emit({"report": str(path), "samples": len(objects), "metrics": len(metrics)}) if json else print(path)
