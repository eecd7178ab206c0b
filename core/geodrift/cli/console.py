"""What the commands say: one JSON document or a table on the output, notes on the error stream."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from geodrift.cli.session import quiet


def note(text: str) -> None:
    """A line for the person who watches."""
    if not quiet():
        print(text, file=sys.stderr)


def emit(document: Any) -> None:
    """One JSON document; what is not a number in JSON is null."""
    json.dump(finite(document), sys.stdout, indent=1, ensure_ascii=False)
    print()


def finite(value: Any) -> Any:
    """The document with null for what is not a number in JSON."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and (value != value or value in (float("inf"), -float("inf"))) else value


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], numbers: Iterable[int] = ()) -> None:
    """A table on the output; the columns at the places `numbers` are aligned to the right."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    drawn = Table(box=SIMPLE_HEAD, pad_edge=False)
    right = set(numbers)
    for place, name in enumerate(columns):
        drawn.add_column(name, justify="right" if place in right else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*row)
    Console(markup=False, highlight=False).print(drawn)
