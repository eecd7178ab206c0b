r"""Results that cost time, kept on disk one by one.

A result is a row of numbers that depends on content alone: the fingerprint of a structure, the distance of a pair. It
is kept under the address of that content, in safetensors files of one folder a *kind*; the kind names the
computation, its settings and the versions of the packages behind it. Files are written under a temporary name and
renamed, and only added, so that an evaluation that was stopped goes on where it was, and two at a time do no harm. A
folder that cannot be written and a file that cannot be read cost time, never the result.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from geodrift.caching import folder
from geodrift.stages import counted

Floats = NDArray[np.float64]
Item = TypeVar("Item")

_BYTES = 32  # of an address
_SECONDS = 15.0  # the most work that a killed process loses
_FILES = 64  # more are joined into one
_UNREADABLE = (OSError, SafetensorError, KeyError, ValueError)


def kept(
    kind: str,
    addresses: Sequence[bytes],
    items: Sequence[Item],
    function: Callable[[Sequence[Item]], list[Floats]],
    jobs: int = 1,
    size: int = 16,
) -> list[Floats]:
    """One row for each item, computed where no earlier run has kept it.

    Arguments:
        kind: The computation, its settings and versions; its first word names the stage of the work.
        addresses: Of the content of each item, 32 bytes.
        items: What the function is given; equal addresses are computed once.
        function: Maps a batch of items to a row each, `(d,)`, of any length.
        jobs: Number of processes, −1 for all cores; joblib's backends take the batches to a cluster.
        size: Items in a batch.
    """
    place = folder() / "crystals" / hashlib.sha256(kind.encode()).hexdigest()[:16]
    rows = _read(place, set(addresses))
    todo = {a: item for a, item in zip(addresses, items, strict=True) if a not in rows}
    fresh: dict[bytes, Floats] = {}
    last = time.monotonic()
    try:
        work = counted(kind.partition(" ")[0], len(todo), _computed(function, todo, jobs, size))
        for names, batch in zip(_batches(list(todo), size), work, strict=True):
            fresh.update(zip(names, batch, strict=True))
            if time.monotonic() - last > _SECONDS:
                rows, fresh, last = rows | _write(place, fresh), {}, time.monotonic()
    finally:
        rows |= _write(place, fresh)
    return [rows[a] for a in addresses]


def _batches(names: list[bytes], size: int) -> list[list[bytes]]:
    return [names[start : start + size] for start in range(0, len(names), size)]


def _computed(
    function: Callable[[Sequence[Item]], list[Floats]], todo: Mapping[bytes, Item], jobs: int, size: int
) -> Iterable[list[Floats]]:
    work = (delayed(function)([todo[name] for name in names]) for names in _batches(list(todo), size))
    results: Iterable[list[Floats]] = Parallel(n_jobs=jobs, return_as="generator")(work)
    return results


def _read(place: Path, wanted: set[bytes]) -> dict[bytes, Floats]:
    """The rows under these addresses; many files are joined into one on the way."""
    files = sorted(place.glob("*.safetensors"))
    join = len(files) > _FILES
    rows: dict[bytes, Floats] = {}
    for file in files:
        with contextlib.suppress(*_UNREADABLE):
            found = _unpacked(load(file.read_bytes()))
            rows |= found if join else {name: row for name, row in found.items() if name in wanted}
    if join and _write(place, rows, files):
        rows = {name: row for name, row in rows.items() if name in wanted}
    return rows


def _unpacked(arrays: Mapping[str, NDArray[np.generic]]) -> dict[bytes, Floats]:
    names = [name.tobytes() for name in arrays["addresses"]]
    values = np.split(arrays["values"].astype(np.float64), np.cumsum(arrays["lengths"].astype(np.int64))[:-1])
    return dict(zip(names, values, strict=True))


def _write(place: Path, rows: dict[bytes, Floats], instead: Sequence[Path] = ()) -> dict[bytes, Floats]:
    """Add a file with these rows, then remove those that it stands for."""
    if not rows:
        return rows
    data = save(
        {
            "addresses": np.frombuffer(b"".join(rows), np.uint8).reshape(-1, _BYTES),
            "lengths": np.array([len(row) for row in rows.values()], np.int64),
            "values": np.concatenate(list(rows.values())).astype(np.float64),
        }
    )
    with contextlib.suppress(OSError):
        file = place / f"{hashlib.sha256(data).hexdigest()[:32]}.safetensors"
        _replace(file, data)
        for old in instead:
            if old != file:
                old.unlink(missing_ok=True)
    return rows


def _replace(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=file.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        Path(temporary).replace(file)
    finally:
        Path(temporary).unlink(missing_ok=True)
