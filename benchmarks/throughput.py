"""How fast every preset with weights samples, where the time goes, and how near that is to what the machine can do.

A preset runs in one process on one thread. For each number of steps and batch size: samples a CPU second, the share of
time outside the network, the resident memory beyond that of the loaded model, and the share of the floor: the floating
point operations of the network over those that a large matrix product of the same precision does in a second.

python benchmarks/throughput.py [--samples 32] [--steps 8 0] [--batches 8 0] [--only mri3d] [--compile] [--processes]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from geodrift.compilation import compiled
from geodrift.config import Sample
from geodrift.model import Model
from geodrift.plugins import domain, entries
from geodrift.precision import has_bfloat16
from geodrift.presets import has_weights, load

SIDE = 1536  # of the matrices whose product measures the machine
TYPES = {"32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Row:
    """One measurement.

    Arguments:
        steps: Of the solver.
        batch: Samples at once.
        rate: Samples a CPU second.
        outside: Share of the CPU seconds outside the network.
        memory: MiB beyond the loaded model.
        floor: Share of the machine's arithmetic that the whole run reaches.
    """

    steps: int
    batch: int
    rate: float
    outside: float
    memory: float
    floor: float


class Timed(nn.Module):
    """A network that adds up its own CPU seconds."""

    def __init__(self, network: nn.Module, fuse: bool) -> None:
        super().__init__()
        self.network, self.seconds = network, 0.0
        self.answer: Callable[..., Any] = compiled(network) if fuse else network

    def forward(self, *inputs: Any) -> Any:
        start = time.process_time()
        answer = self.answer(*inputs)
        self.seconds += time.process_time() - start
        return answer


def arithmetic(kind: torch.dtype) -> float:
    """Floating point operations a second of a matrix product, the best of several."""
    a = torch.randn(SIDE, SIDE).to(kind)
    seconds = []
    for _ in range(8):
        start = time.process_time()
        a @ a
        seconds.append(time.process_time() - start)
    return 2 * SIDE**3 / min(seconds)


def resident() -> float:
    """MiB of this process, at most so far."""
    status = Path("/proc/self/status").read_text()
    return next(float(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def forget() -> None:
    """Begin to measure the most memory again."""
    Path("/proc/self/clear_refs").write_text("5")


def run(model: Model, samples: int, settings: Sample) -> None:
    """Draw so many samples."""
    for _ in model.stream(range(samples), seed=1, settings=settings):
        pass


def measure(model: Model, samples: int, steps: int, batch: int, peak: float, fuse: bool) -> Row:
    settings = model.config.sample.model_copy(update={"steps": steps, "batch_size": batch})
    network = model.denoiser.network
    with FlopCounterMode(display=False) as counter:
        run(model, batch, settings)
    timed = Timed(network, fuse)
    model.denoiser.network = timed
    if fuse:
        run(model, batch, settings)
    forget()
    timed.seconds, before, start = 0.0, resident(), time.process_time()
    run(model, samples, settings)
    spent = time.process_time() - start
    model.denoiser.network = network
    operations = counter.get_total_flops() / batch * samples
    outside = 1 - timed.seconds / spent
    return Row(steps, batch, samples / spent, outside, resident() - before, operations / peak / spent)


def rows(name: str, asked: argparse.Namespace) -> Iterator[Row]:
    """The measurements of a preset; zero steps or samples at once are its own."""
    model = load(name)
    model.generate(2, steps=2)
    peak = arithmetic(TYPES[model.config.sample.precision if has_bfloat16("cpu") else "32"])
    for steps in asked.steps:
        for batch in (size or model.config.sample.batch_size for size in asked.batches):
            samples = max(batch, asked.samples // batch * batch)
            yield measure(model, samples, steps or model.config.sample.steps, batch, peak, asked.compile)


def shared(name: str, samples: int) -> tuple[float, float]:
    """Seconds of drawing with one process and with two, each on a thread, as the manifest and the clock say."""
    words = ["-m", "geodrift", "generate", name.partition("/")[0], "--preset", name, "--quiet"]
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    found = []
    for before in ([], torchrun):
        few, many = (_seconds([*before, *words], count) for count in (2, samples))
        found.append(many - few)  # without imports and loading
    return found[0], found[1]


def _seconds(words: list[str], samples: int) -> float:
    with TemporaryDirectory() as folder:
        start = time.perf_counter()
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        asked = [*words, "-n", str(samples), "--out", f"{folder}/out"]
        subprocess.run([sys.executable, *asked], check=True, capture_output=True, env=environment)
        return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--steps", type=int, nargs="+", default=[8, 0])
    parser.add_argument("--batches", type=int, nargs="+", default=[8, 0])
    parser.add_argument("--only", default="")
    parser.add_argument("--compile", action="store_true", help="compile the networks before")
    parser.add_argument("--processes", action="store_true", help="also one process against two")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    names = [f"{own}/{short}" for own in entries() for short, at in domain(own).presets().items() if has_weights(at)]
    print(f"{'preset':22}{'steps':>6}{'batch':>6}{'samples/CPU s':>15}{'outside':>9}{'MiB':>7}{'of floor':>10}")
    for name in (name for name in names if asked.only in name):
        for r in rows(name, asked):
            print(
                f"{name:22}{r.steps:6}{r.batch:6}{r.rate:15.2f}{r.outside:9.1%}{r.memory:7.0f}{r.floor:10.0%}",
                flush=True,
            )
        if asked.processes:
            one, two = shared(name, asked.samples)
            print(
                f"{name:22} two processes draw {asked.samples} samples {one / two:.2f} times as fast as one", flush=True
            )


if __name__ == "__main__":
    main()
