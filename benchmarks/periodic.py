"""CPU time of a batch of training states of the periodic Bayesian flow: closed form beside the published simulation.

    python benchmarks/periodic.py [rows]

Rows of three coordinates, by default 640, the atoms of a batch of crystals. The simulation draws all senders of a flow
in that many steps and adds them up; the closed form draws one normal vector a coordinate whatever the number of steps.
Everything runs in one process, one thread, one after the other, and the least of several tries counts.
"""

from __future__ import annotations

import sys
import time

import torch

from geodrift.processes import Bayesian, Process
from geodrift.processes.accuracy import Entropy
from geodrift.processes.periodic import Periodic
from geodrift.processes.von_mises import VonMisesFlow
from geodrift.rng import Streams

TRIES = 5


def seconds(process: Process, x: torch.Tensor, t: torch.Tensor, repeats: int) -> float:
    """CPU seconds of one batch."""
    process.corrupt(x, t, Streams.of(0, len(x)))
    found = []
    for _ in range(TRIES):
        start = time.process_time()
        for seed in range(repeats):
            process.corrupt(x, t, Streams.of(seed, len(x)))
        found.append((time.process_time() - start) / repeats)
    return min(found)


def main() -> None:
    torch.set_num_threads(1)
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 640
    x, t = torch.rand(rows, 3), torch.rand(rows)
    closed = seconds(Bayesian(Periodic(), Entropy()), x, t, 100)
    print(f"{rows} rows of 3 coordinates")
    print(f"{'flow':24} {'CPU ms':>10} {'ratio':>8}")
    print(f"{'closed form':24} {closed * 1e3:10.2f} {1:8.0f}")
    for steps in (10, 50, 1000):
        simulated = seconds(VonMisesFlow(steps), x, t, 1)
        print(f"{f'{steps} von Mises steps':24} {simulated * 1e3:10.2f} {simulated / closed:8.0f}")


if __name__ == "__main__":
    main()
