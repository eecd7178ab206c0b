"""Contents of files: up to a limit, whatever a small file claims to be, and refusals that fit on a line."""

from __future__ import annotations

import gzip
import hashlib
import tracemalloc
from pathlib import Path

import pytest

from geodrift.config import parse
from geodrift.contents import contents, digest, text
from geodrift.errors import InputError, unknown
from geodrift.samples import opened


def test_lines_end_alike_and_a_mark_of_the_encoding_goes(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo\rthree\n")
    assert text(path) == "one\ntwo\nthree\n"


def test_what_is_compressed_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(b"one"))
    assert contents(path) == b"one"


def test_the_digest_of_a_folder_is_of_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name, word in {"b/two.txt": b"two", "a.txt": b"one"}.items():
        (tmp_path / name).write_bytes(word)
    one, two = (hashlib.sha256(word).hexdigest() for word in (b"one", b"two"))
    assert digest(tmp_path / "a.txt") == one
    assert digest(tmp_path) == hashlib.sha256(f"{one}  a.txt\n{two}  b/two.txt\n".encode()).hexdigest()


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz"])
def test_more_than_the_limit_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(b"0" * 101) if name.endswith(".gz") else b"0" * 101)
    assert len(contents(path, 101)) == 101
    with pytest.raises(InputError, match="holds more than"):
        contents(path, 100)


def test_a_bomb_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(bytes(200 << 20), 1))
    tracemalloc.start()
    with pytest.raises(InputError, match="more than 4 MiB; split it"):
        contents(path, 4 << 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20


def test_a_long_name_is_not_repeated_in_full() -> None:
    assert len(str(unknown("column", "x" * 9000, [f"{n}{'y' * 900}" for n in range(500)]))) < 20_000
    assert "and 440 more" in str(unknown("column", "x", map(str, range(500))))


def test_lists_in_lists_are_no_config_and_no_manifest(tmp_path: Path) -> None:
    deep = "[" * 9000 + "]" * 9000
    (tmp_path / "a.toml").write_text(f"a = {deep}")
    (tmp_path / "manifest.json").write_text(deep)
    with pytest.raises(InputError, match="too deep"):
        parse(tmp_path / "a.toml")
    with pytest.raises(InputError, match="manifest"):
        opened(tmp_path)
