r"""One process at a time writes in a folder.

The claim is a lock of the operating system on a file in the folder, so it ends with the process however that ends. It
is held against other processes on the same file system, not against threads of this one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from geodrift.errors import InputError

LOCK = ".lock"


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """A stretch in which this process alone writes in the folder, which is made, and goes again if it stays empty.

    Raises:
        InputError: When another process does, or the folder is a file or cannot be made.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file; choose a folder with --out")
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK, blocking=False).acquire()
    except Timeout:
        raise InputError(f"{folder}: another process is writing here; wait for it or choose another --out") from None
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror}") from None
    with lock:
        try:
            yield
        finally:
            (folder / LOCK).unlink(missing_ok=True)
            if made:
                with suppress(OSError):  # it is not empty
                    folder.rmdir()
