"""What files hold: text, also compressed, with a limit on how much that may be; and a digest of it."""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from geodrift.errors import InputError

_PIECE = 2**20
LIMIT = 2**31
"""Bytes of a file, decompressed: a small file may claim to be a large one."""


def contents(path: Path, limit: int = LIMIT) -> bytes:
    """The bytes of a file, decompressed when its name ends in .gz.

    Raises:
        InputError: When it cannot be read, is empty or holds more than the limit.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            data = b"".join(_pieces(file, limit))
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > limit:
        raise InputError(f"{path}: holds more than {limit / 2**20:g} MiB; split it into several files")
    if not data.strip():
        raise InputError(f"{path}: the file is empty")
    return data


def _pieces(file: BinaryIO | gzip.GzipFile, limit: int) -> Iterator[bytes]:
    """The file until it ends or has passed the limit."""
    size = 0
    while size <= limit and (piece := file.read(_PIECE)):
        size += len(piece)
        yield piece


def text(path: Path, limit: int = LIMIT) -> str:
    """The text of a file in UTF-8, with `\\n` at the end of its lines whatever they end with.

    Raises:
        InputError: When it is not text, or as for `contents`.
    """
    try:
        return re.sub(r"\r\n?", "\n", contents(path, limit).decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file (byte {error.start}); save it as UTF-8") from None


def digest(path: Path) -> str:
    """The SHA-256 of a file; of a folder, that of the lines that `sha256sum` writes of its files in order."""
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    files = sorted(each for each in path.rglob("*") if each.is_file())
    listed = "".join(f"{digest(each)}  {each.relative_to(path).as_posix()}\n" for each in files)
    return hashlib.sha256(listed.encode()).hexdigest()
