"""Where results that cost time are kept between runs; `GEODRIFT_CACHE` moves the folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def folder() -> Path:
    """The folder of this user's cache."""
    if given := os.environ.get("GEODRIFT_CACHE"):
        return Path(given)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData/Local")) / "geodrift" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/geodrift"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "geodrift"
