"""Stages of work: told to whoever watches, to nobody else, and ended whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from geodrift.stages import Done, counted, stage, watched


class Log:
    """A watcher that writes down what it is told."""

    def __init__(self) -> None:
        self.lines: list[object] = []

    @contextmanager
    def __call__(self, name: str, total: int) -> Iterator[Done]:
        self.lines.append((name, total))
        try:
            yield self.lines.append
        finally:
            self.lines.append(f"end of {name}")


def test_a_watcher_is_told_of_stages_within_stages() -> None:
    log = Log()
    with watched(log), stage("controls", 1) as done:
        assert list(counted("pairs", 3, ["ab", "c"])) == ["ab", "c"]
        done(1)
    assert log.lines == [("controls", 1), ("pairs", 3), 2, 1, "end of pairs", 1, "end of controls"]


def test_nobody_is_told_before_after_or_of_nothing() -> None:
    log = Log()
    with watched(log):
        assert list(counted("pairs", 0, [])) == []
    with stage("pairs", 3) as done:
        done(3)
    assert log.lines == []


def test_what_fails_ends_its_stage() -> None:
    log = Log()
    with pytest.raises(KeyboardInterrupt), watched(log), stage("pairs", 3):
        raise KeyboardInterrupt
    assert log.lines == [("pairs", 3), "end of pairs"]
    with stage("pairs", 3):
        assert len(log.lines) == 2
