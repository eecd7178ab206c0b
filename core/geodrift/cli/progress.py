"""Progress bars with the rate and the time left, on the error stream."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from geodrift.cli.session import quiet
from geodrift.stages import Done, watched


class Tick(Protocol):
    """Advances a bar and changes the word beside it."""

    def __call__(self, advance: float = 1.0, word: str = "") -> None: ...


class _Rate(ProgressColumn):
    """How much is done, and how fast."""

    def render(self, task: Task) -> Text:
        rate = f"{task.speed:.3g}/s" if task.speed else ""
        return Text(f"{task.completed:.0f}/{task.total:.0f} {rate}")


@contextmanager
def bar(total: int, done: int = 0, name: str = "", shown: bool = True) -> Iterator[Tick]:
    """A bar of this length; nothing is drawn until the end where the error stream is no terminal."""
    with _progress(Console(stderr=True), shown) as progress:
        task = progress.add_task(name, total=total, completed=done)

        def tick(advance: float = 1.0, word: str = "") -> None:
            progress.update(task, advance=advance, description=word or name)

        yield tick


@contextmanager
def stages() -> Iterator[None]:
    """A bar for each stage of the work inside while it lasts; nothing where the error stream is no terminal."""
    console = Console(stderr=True)
    with _progress(console, console.is_terminal, passing=True) as progress:

        @contextmanager
        def watch(name: str, total: int) -> Iterator[Done]:
            task = progress.add_task(name, total=total)
            try:
                yield lambda count: progress.advance(task, count)
            finally:
                progress.remove_task(task)

        with watched(watch):
            yield


def _progress(console: Console, shown: bool, passing: bool = False) -> Progress:
    """Bars, which disappear at the end when they are `passing`."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), _Rate(), TimeElapsedColumn())
    return Progress(*columns, TimeRemainingColumn(), console=console, disable=quiet() or not shown, transient=passing)
