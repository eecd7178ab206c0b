"""Results on disk: computed once, kept when a run is stopped, never trusted when damaged."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from geodrift_crystals.metrics import store
from geodrift_crystals.metrics.store import kept


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GEODRIFT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def names(items: Sequence[int]) -> list[bytes]:
    return [hashlib.sha256(str(item).encode()).digest() for item in items]


def rows(items: Sequence[int]) -> list[np.ndarray]:
    return [np.arange(item, dtype=np.float64) / 3 for item in items]


def failing(items: Sequence[int]) -> list[np.ndarray]:
    raise AssertionError(f"computed again: {items}")


def same(found: Sequence[np.ndarray], items: Sequence[int]) -> bool:
    return all(np.array_equal(row, expected) for row, expected in zip(found, rows(items), strict=True))


@pytest.mark.parametrize("jobs", [1, 2])
def test_rows_are_computed_once_and_read_back_in_any_order(jobs: int) -> None:
    items = [3, 0, 7, 3, 1]
    assert same(kept("k", names(items), items, rows, jobs, 2), items)
    assert same(kept("k", names([1, 7, 0]), [1, 7, 0], failing), [1, 7, 0])
    with pytest.raises(AssertionError, match=r"computed again: \[9\]"):
        kept("k", names([1, 9]), [1, 9], failing)
    with pytest.raises(AssertionError):
        kept("other", names([1]), [1], failing)


def test_what_was_done_before_an_interruption_is_kept() -> None:
    def interrupted(items: Sequence[int]) -> list[np.ndarray]:
        if 4 in items:
            raise KeyboardInterrupt
        return rows(items)

    items = list(range(8))
    with pytest.raises(KeyboardInterrupt):
        kept("k", names(items), items, interrupted, 1, 2)
    assert same(kept("k", names(items[:4]), items[:4], failing), items[:4])
    assert same(kept("k", names(items), items, rows), items)


def test_long_work_is_written_on_the_way(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_SECONDS", 0.0)
    kept("k", names(range(6)), range(6), rows, 1, 2)
    assert len(list(place.rglob("*.safetensors"))) == 3
    assert same(kept("k", names(range(6)), range(6), failing), range(6))


def test_many_files_become_one(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_FILES", 3)
    for item in range(5):
        kept("k", names([item]), [item], rows)
    assert len(list(place.rglob("*.safetensors"))) < 4
    assert same(kept("k", names(range(5)), range(5), failing), range(5))


def test_damage_and_a_folder_that_cannot_be_written_cost_time_only(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept("k", names([5]), [5], rows)
    (file,) = place.rglob("*.safetensors")
    file.write_bytes(file.read_bytes()[:20])
    assert same(kept("k", names([5]), [5], rows), [5])
    assert not list(place.rglob("*.part"))
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GEODRIFT_CACHE", str(tmp_path / "file"))
    assert same(kept("k", names([5]), [5], rows), [5])


def test_nothing_asked_for_is_nothing() -> None:
    assert kept("k", [], [], failing) == []
