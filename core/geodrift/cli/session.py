"""What holds while one command runs: how it was called, and whether it speaks."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Annotated

import typer

_WORDS: ContextVar[Sequence[str]] = ContextVar("words", default=())
_QUIET: ContextVar[bool] = ContextVar("quiet", default=False)


@contextmanager
def session(words: Sequence[str]) -> Iterator[None]:
    """The stretch of a command with these words."""
    called, quiet = _WORDS.set(words), _QUIET.set(False)
    try:
        yield
    finally:
        _WORDS.reset(called)
        _QUIET.reset(quiet)


def called() -> str:
    """The command, as it can be given again."""
    return shlex.join(["geodrift", *_WORDS.get()])


def quiet() -> bool:
    """Whether there are to be neither bars nor notes."""
    return _QUIET.get()


def _hush(asked: bool) -> bool:
    if asked:
        _QUIET.set(True)
    return asked


Quiet = Annotated[
    bool, typer.Option("--quiet", callback=_hush, is_eager=True, help="Neither bars nor notes, only errors.")
]
"""The option of a command that takes long."""
