"""One of several drafts: which drafts belong together, and what is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from geodrift.choice import Choice
from geodrift.errors import InputError


def largest(groups: Sequence[Sequence[Any]], known: Sequence[Any]) -> list[int]:
    """The place of the largest number that is not known."""
    return [max(range(len(group)), key=lambda i: (group[i] not in known, group[i])) for group in groups]


NUMBERS: Any = SimpleNamespace(name="numbers", choose=largest)
OTHER: Any = SimpleNamespace(name="words")


def test_drafts_come_in_rounds() -> None:
    drafts = [0, 10, 20, 1, 9, 22, 2, 8, 21]
    assert Choice(3).of(NUMBERS, drafts, 3) == [2, 10, 22]
    assert Choice(3, known=[10, 22, 2]).of(NUMBERS, drafts, 3) == [1, 9, 21]
    assert Choice(1).of(OTHER, drafts, 9) == drafts


def test_a_run_that_was_stopped_keeps_what_it_has() -> None:
    assert Choice(3).of(NUMBERS, [0, 10, 20, 1], 3) == [1, 10, 20]
    assert Choice(3).of(NUMBERS, [0, 10], 3) == [0, 10]
    assert Choice(3).of(NUMBERS, [], 3) == []


def test_what_cannot_be_chosen_is_refused() -> None:
    Choice(2).check(NUMBERS)
    Choice(1).check(OTHER)
    with pytest.raises(InputError, match="--best-of 2: words cannot be ranked"):
        Choice(2).check(OTHER)
    with pytest.raises(InputError, match=r"--avoid old\.csv: needs drafts"):
        Choice(1, [1], Path("old.csv")).check(NUMBERS)


def test_it_is_told_in_the_manifest(tmp_path: Path) -> None:
    assert Choice().described() is None
    assert Choice(4).described() == {"drafts": 4, "avoid": None}
    old = tmp_path / "old.csv"
    old.write_text("numbers\n1\n2\n")
    told = Choice(4, [1, 2], old, {"rows": ":2"}).described()
    content = hashlib.sha256(old.read_bytes()).hexdigest()
    known = {"path": str(old), "sha256": content, "where": {"rows": ":2"}, "count": 2}
    assert told == {"drafts": 4, "avoid": known}
