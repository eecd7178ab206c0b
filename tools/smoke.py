"""Generate a little in every domain that is installed and says it can be used: a smoke test of a package.

python tools/smoke.py
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from geodrift.cli import main
from geodrift.plugins import entries, status


def smoke() -> int:
    """The number of domains that fail."""
    failed = 0
    with TemporaryDirectory() as folder:
        for name in sorted(entries()):
            found = status(name)
            print(f"{name}: {found.state} {found.reason}")
            if found.domain is not None:
                code = main(["generate", name, "-n", "2", "--steps", "4", "--out", str(Path(folder) / name)])
                failed += code != 0
            failed += found.state == "broken"
    return failed


if __name__ == "__main__":
    sys.exit(smoke())
