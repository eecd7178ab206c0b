"""Progress bars with the rate and the time left, on the error stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class _Rate(TextColumn):
    """Steps a second."""

    def __init__(self) -> None:
        super().__init__("{task.speed:.1f}/s")

    def render(self, task: object) -> object:  # type: ignore[override]
        return super().render(task) if getattr(task, "speed", None) else ""


@contextmanager
def steps(total: int, done: int = 0, name: str = "") -> Iterator[Callable[[str], None]]:
    """A bar of `total` steps; the yielded function advances it by one and shows a word beside it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=False) as progress:
        task = progress.add_task(name, total=total, completed=done)
        yield lambda word: progress.update(task, advance=1, description=word or name)
