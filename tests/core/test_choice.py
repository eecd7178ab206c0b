"""One of several drafts: which drafts belong together, and what is refused."""

from __future__ import annotations

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


def test_it_is_told_in_the_manifest() -> None:
    assert Choice().described() is None
    assert Choice(4).described() == {"drafts": 4, "avoid": None}
    told = Choice(4, [1, 2], Path("old.csv"), {"rows": ":2"}).described()
    assert told == {"drafts": 4, "avoid": {"path": "old.csv", "where": {"rows": ":2"}, "count": 2}}
