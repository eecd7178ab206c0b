"""Numbers of atoms in words."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby


def ranges(sizes: Iterable[int]) -> str:
    """Ascending numbers, those that follow each other as one: `1 to 4, 8`."""
    runs = [[size for _, size in run] for _, run in groupby(enumerate(sizes), lambda pair: pair[1] - pair[0])]
    return ", ".join(f"{run[0]}" if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs)
