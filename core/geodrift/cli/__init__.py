"""The command line."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, by default that of `sys.argv`, and return its exit code.

    It is 0, 1 (a check failed, or a defect), 2 (bad input) or 130 (stopped by Ctrl-C, also while Python is importing).
    """
    try:
        from geodrift.cli.app import run

        return run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        return 130
