"""How far work that takes long has come, told to whoever watches.

Work says what it is about to do and how much of it there is, `with stage("fingerprints", 200) as done:`, and calls
`done(16)` as it goes on; without a watcher that does nothing. The command line watches with bars.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import TypeVar

Done = Callable[[int], None]
"""Called with how much more is done."""

Watcher = Callable[[str, int], AbstractContextManager[Done]]
"""Given the name of a stage and how much there is to do."""

Batch = TypeVar("Batch", bound=Sized)

_WATCHER: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """A stretch of work whose stages this watcher is told."""
    token = _WATCHER.set(watcher)
    try:
        yield
    finally:
        _WATCHER.reset(token)


@contextmanager
def stage(name: str, total: int) -> Iterator[Done]:
    """A stage of the work with this much to do."""
    watcher = _WATCHER.get()
    if watcher is None or total == 0:
        yield lambda count: None
        return
    with watcher(name, total) as done:
        yield done


def counted(name: str, total: int, batches: Iterable[Batch]) -> Iterator[Batch]:
    """The batches as they come, as a stage in which each counts for its length."""
    with stage(name, total) as done:
        for batch in batches:
            yield batch
            done(len(batch))
