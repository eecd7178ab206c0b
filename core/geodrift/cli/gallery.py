"""`geodrift gallery`: one page for several folders of samples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from geodrift.errors import InputError


def gallery(
    folders: Annotated[list[Path], typer.Argument(help="Generated samples: each the --out of `geodrift generate`.")],
    out: Annotated[Path, typer.Option(help="The page, a file that ends in .html.")] = Path("gallery.html"),
) -> None:
    """Show the samples of several runs, of any domains, on one page that needs nothing else."""
    from geodrift.report.gallery import Exhibit
    from geodrift.report.gallery import gallery as page
    from geodrift.samples import staged

    if out.suffix != ".html":
        raise InputError(f"--out {out}: the name of a page ends in .html")
    text = page([Exhibit.of(folder) for folder in folders])
    with staged(out.parent) as temporary:
        (temporary / out.name).write_text(text, encoding="utf-8")
    print(out)
