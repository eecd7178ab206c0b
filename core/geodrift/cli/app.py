"""Generate molecules, crystals, images and more with flows, diffusions and Bayesian flows."""

from __future__ import annotations

import os
import re
import sys
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from geodrift.cli import (
    check,
    domains,
    evaluate,
    gallery,
    generate,
    info,
    likelihood,
    new_domain,
    prepare,
    report,
    train,
)
from geodrift.cli.interrupts import stopping
from geodrift.cli.session import session
from geodrift.errors import InputError

app = typer.Typer(add_completion=True, pretty_exceptions_enable=False, help=__doc__)
for command in (
    domains.domains,
    generate.generate,
    prepare.prepare,
    train.train,
    evaluate.evaluate,
    likelihood.likelihood,
    report.report,
    gallery.gallery,
    info.info,
    check.check,
    new_domain.new_domain,
):
    app.command()(command)


def _version(asked: bool) -> None:
    if asked:
        from geodrift import __version__

        print(__version__)
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")]


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    version: Version = False,
) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    with warnings.catch_warnings(), stopping(), session(arguments):
        if not sys.warnoptions:
            warnings.filterwarnings("ignore", module=r"(?!geodrift)")  # those of other packages
        try:
            code = app(args=arguments, standalone_mode=False)
        except (InputError, typer.TyperException, OSError) as error:
            return _fail(error)
        except KeyboardInterrupt:
            code = 130
        except Exception as error:
            return _left() if re.search("onnection (closed|reset) by peer", str(error)) else _defect(error)
    return code if isinstance(code, int) else 0


def _left() -> int:
    """Say that this process cannot go on without the others of its run."""
    print("geodrift: another process of this run has ended; see what it said, and go on with --resume", file=sys.stderr)
    return 1


def _defect(error: Exception) -> int:
    """Say in one line that this should not happen; the traceback is for who mends it."""
    if os.environ.get("GEODRIFT_DEBUG"):
        raise error
    where = traceback.extract_tb(error.__traceback__)[-1]
    message = " ".join(f"{type(error).__name__}: {error}".split())
    place = f"{Path(where.filename).name}:{where.lineno}"
    print(f"geodrift: {message} ({place}); this is a defect, GEODRIFT_DEBUG=1 shows where", file=sys.stderr)
    return 1


def _fail(error: Exception) -> int:
    """Say in one line what is wrong."""
    if isinstance(error, BrokenPipeError):  # the reader of our output has gone
        sys.stdout = None
        return 1
    if isinstance(error, typer.TyperException):
        message = error.format_message()
    elif isinstance(error, OSError) and error.filename:
        message = f"{error.filename}: {error.strerror}"
    else:
        message = str(error)
    print(f"geodrift: {' '.join(message.split())}", file=sys.stderr)
    return 2
