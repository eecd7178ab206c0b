"""`geodrift prepare`: files as training sees them, made once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from geodrift.cli.console import note
from geodrift.cli.options import pairs
from geodrift.cli.progress import stages
from geodrift.cli.session import Quiet
from geodrift.errors import InputError


def prepare(
    domain: Annotated[str, typer.Argument(help="What kind of data: see `geodrift domains`.")],
    data: Annotated[Path, typer.Argument(help="A file or folder of data.")],
    out: Annotated[Path, typer.Option(help="Folder for the prepared files.")],
    preset: Annotated[str | None, typer.Option(help="The preset they are for; the first by default.")] = None,
    where: Annotated[list[str] | None, typer.Option(help="Rows of the data: key=value.")] = None,
    change: Annotated[
        list[str] | None, typer.Option("--set", help="Change one key: data.spacing=[3.0,3.0,3.0].")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Write data as training sees them, in files that `train` and `evaluate` read."""
    from geodrift import plugins
    from geodrift.claim import claimed
    from geodrift.presets import settings
    from geodrift.samples import staged, vacate

    found = plugins.domain(domain)
    write = getattr(found, "prepare", None)
    if write is None:
        raise InputError(f"{domain}: files are used as they are; there is nothing to prepare")
    config = settings(preset or next(iter(found.presets())), domain, change or [])
    reading = found.read(data, pairs("--where", where))
    with claimed(out), stages():
        vacate(out)
        with staged(out) as temporary:
            refused = [*reading.refused, *write(reading.objects, config.data, temporary)]
    for refusal in refused:
        note(f"  {refusal.name}: {refusal.reason}")
    total = len(reading.objects) + len(reading.refused)
    print(f"{out}: {total - len(refused)} prepared, {len(refused)} refused")
