r"""Statistics of a reference set, kept on disk.

What is expensive about a reference (ChemNet activations, fingerprints, graph features) depends on its content alone.
It is kept in the user's cache folder under the SHA-256 of that content: arrays in an `.npz` file without pickle,
written to a temporary name and renamed, so that a reader never sees half a file. A folder that cannot be written and a
file that cannot be read cost time, never the result.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geodrift.caching import folder

Arrays = Mapping[str, NDArray[Any]]

_UNREADABLE = (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error)


def key(kind: str, lines: Iterable[str]) -> str:
    """A name for the statistics of kind `kind` (with versions) of these lines, whatever their order."""
    digest = hashlib.sha256(kind.encode())
    for line in sorted(lines):
        digest.update(b"\n" + line.encode())
    return digest.hexdigest()


def cached(name: str, compute: Callable[[], Arrays]) -> Arrays:
    """The arrays kept under this name; computed and kept when there are none."""
    file = folder() / f"{name}.npz"
    with contextlib.suppress(*_UNREADABLE), file.open("rb") as stream, np.load(stream, allow_pickle=False) as kept:
        return dict(kept)
    arrays = compute()
    with contextlib.suppress(OSError):
        _write(file, arrays)
    return arrays


def _write(file: Path, arrays: Arrays) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=file.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            np.savez(stream, **arrays)  # type: ignore[arg-type]
        Path(temporary).replace(file)
    finally:
        Path(temporary).unlink(missing_ok=True)
