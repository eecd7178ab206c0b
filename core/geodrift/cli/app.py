"""The commands and how errors end them: one line, and exit code 2 for bad input."""

from __future__ import annotations

import sys

import typer

from geodrift.cli import train
from geodrift.errors import InputError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
app.command()(train.train)
app.callback()(lambda: None)


def main() -> None:
    """Run one command."""
    try:
        app()
    except InputError as error:
        print(f"geodrift: {error}", file=sys.stderr)
        sys.exit(2)
