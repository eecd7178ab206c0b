"""`geodrift new-domain`: the start of a domain of your own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def new_domain(
    name: Annotated[str, typer.Argument(help="Small letters, digits and underscores: spheres.")],
    out: Annotated[Path | None, typer.Option(help="A new folder; by default NAME.")] = None,
) -> None:
    """Write a package with a small domain that works, and its tests."""
    from geodrift.scaffold import scaffold

    folder = out or Path(name)
    for path in scaffold(name, folder):
        print(folder / path)
    print(f"\npip install -e {folder}\ngeodrift check {name}\npython -m pytest {folder}")
