"""Seconds until `geodrift --help` has printed, beside those of a bare interpreter, in turn.

python benchmarks/startup.py [runs]
"""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median


def seconds(*command: str) -> float:
    """Wall-clock seconds of one run."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    python = sys.executable
    pairs = [(seconds(python, "-m", "geodrift", "--help"), seconds(python, "-c", "pass")) for _ in range(runs)]
    helps, bare = (median(side) for side in zip(*pairs, strict=True))
    print(f"geodrift --help {helps:.2f} s, python -c pass {bare:.2f} s, ratio {helps / bare:.1f} (median of {runs})")


if __name__ == "__main__":
    main()
