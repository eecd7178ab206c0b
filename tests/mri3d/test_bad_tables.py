"""Bad tables of subjects: the row is refused with the reason, and the other subjects go on."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from geodrift.errors import InputError
from geodrift_mri3d.files import read
from geodrift_mri3d.volume import CONDITIONS

from .conftest import Saved, refusal

Tabled = Callable[..., Path]

ROWS = {
    "age of 200": ("bad 200 F", r"line 3 \(bad\): age is 200, not within 0 to 120; correct it or write n/a"),
    "negative age": ("bad -1 F", r"line 3 \(bad\): age is -1, not within 0 to 120"),
    "text for a number": ("bad 89+ F", r'line 3 \(bad\): age is "89\+", not a number; correct it or write n/a'),
    "infinite": ("bad inf F", r'line 3 \(bad\): age is "inf", not a number'),
    "too long": ("bad 30 F 7", r"line 3 \(bad\): more values than columns; correct the tabs"),
    "twice": ("bad 30 F\nbad 31 F", r"lines 3 and 4 differ about bad; keep one"),
}


@pytest.mark.parametrize("case", ROWS)
def test_wrong_rows_of_a_table(case: str, batch: Path, saved: Saved, table: Tabled) -> None:
    row, said = ROWS[case]
    saved("bad.nii")
    path = table(f"participant_id age sex\na 30 F\n{row}\nz 40 M")
    reason = refusal(batch)
    assert reason.startswith(f"{path}: ")
    assert re.search(said, reason), reason
    assert read(batch).objects[0].extra[CONDITIONS] == {"age": 30.0, "sex": "F"}


def test_a_column_is_of_numbers_when_most_of_its_values_are(batch: Path, saved: Saved, table: Tabled) -> None:
    saved("bad.nii")
    path = table("participant_id score scanner\na 1.5 3T\nbad low 7\nz 2 1.5T")
    assert refusal(batch) == f'{path}: line 3 (bad): score is "low", not a number; correct it or write n/a'
    assert read(batch).objects[1].extra[CONDITIONS] == {"score": 2.0, "scanner": "1.5T"}


def test_rows_that_agree_are_one(batch: Path, table: Tabled) -> None:
    table("participant_id age\na 30\na 30\nz 40")
    assert read(batch).refused == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"participant,age\na,30\n", r'no column "participant_id" .*; are its columns separated by tabs\?'),
        (b"", "the file is empty"),
        (b"participant_id\tage\na\t\xff\n", r"not a text file \(byte 21\); save it as UTF-8"),
    ],
)
def test_a_table_that_is_none(content: bytes, said: str, batch: Path) -> None:
    (batch / "participants.tsv").write_bytes(content)
    with pytest.raises(InputError, match=said):
        read(batch)
