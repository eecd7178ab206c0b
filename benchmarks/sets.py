"""The MMDs of generated graphs in sets as large as a test set: mean and standard deviation over the sets.

python benchmarks/sets.py SAMPLES DATA TEST_ROWS TRAIN_ROWS
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from geodrift_graphs import domain

NAMES = ("degree_mmd", "clustering_mmd", "orbit_mmd", "spectral_mmd", "mean_mmd", "connected")


def figures(graphs: Sequence[Any], test: Sequence[Any]) -> list[float]:
    """The figures of one set."""
    found = {metric.name: metric.value for metric in domain.evaluate(graphs, test, [], {})}
    return [found[name] for name in NAMES]


def main() -> None:
    samples, data, test_rows, train_rows = sys.argv[1:]
    test, real = (domain.read(Path(data), {"rows": rows}).objects for rows in (test_rows, train_rows))
    made, size = domain.samples(Path(samples)), len(test)
    sets = [figures(made[start : start + size], test) for start in range(0, len(made) - size + 1, size)]
    rng = np.random.default_rng(0)
    floor = [figures([real[i] for i in rng.choice(len(real), size, replace=False)], test) for _ in range(len(sets))]
    print(f"{len(sets)} sets of {size} graphs")
    for name, made_values, real_values in zip(NAMES, np.transpose(sets), np.transpose(floor), strict=True):
        told = (f"{values.mean():.4f} ± {values.std():.4f}" for values in (made_values, real_values))
        print(f"{name:16} generated {next(told)}   training {next(told)}")


if __name__ == "__main__":
    main()
