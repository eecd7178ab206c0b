"""Ctrl-C, and the signal with which schedulers end a job: both stop a command, and what is finished is kept."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def stopping() -> Any:
    """A stretch in which either signal raises `KeyboardInterrupt`."""
    return _handled(signal.default_int_handler)


def unhurried() -> Any:
    """A stretch that neither interrupts: what is finished is being written."""
    return _handled(signal.SIG_IGN)


@contextmanager
def waiting() -> Iterator[Callable[[], bool]]:
    """A stretch that says whether a signal came, so that the step at hand is finished; the second one interrupts.

    Under torchrun it does not: that passes on what its processes heard already, and ends them itself after a while.
    """
    seen: list[int] = []
    alone = "TORCHELASTIC_RUN_ID" not in os.environ

    def first(number: int, frame: FrameType | None) -> None:
        if seen and alone:
            raise KeyboardInterrupt
        seen.append(number)

    with _handled(first):
        yield lambda: bool(seen)


@contextmanager
def _handled(handler: Any) -> Iterator[None]:
    """Handle the signals that are not ignored, as those of a job in the background are."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    heard = [number for number in _SIGNALS if before[number] != signal.SIG_IGN]
    for number in heard:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])
