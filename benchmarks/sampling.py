"""CPU seconds for 1,000 samples of every preset with weights, and the share of them spent outside the network.

    python benchmarks/sampling.py [samples]

All presets run in one process, one thread, one after the other; ratios are to the first.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import torch
from torch import nn

from geodrift.plugins import domain, entries
from geodrift.presets import has_weights, load


class Timed(nn.Module):
    """A network that adds up its own CPU seconds."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.seconds = network, 0.0

    def forward(self, *inputs: Any) -> Any:
        start = time.process_time()
        answer = self.network(*inputs)
        self.seconds += time.process_time() - start
        return answer


def measure(name: str, samples: int) -> tuple[float, float, int]:
    """CPU seconds, those inside the network, and network calls of a batch."""
    model = load(name)
    model.generate(8)
    timed = Timed(model.denoiser.network)
    model.denoiser.network, calls = timed, model.denoiser.calls
    start = time.process_time()
    model.generate(samples, seed=1)
    return time.process_time() - start, timed.seconds, model.denoiser.calls - calls


def main() -> None:
    torch.set_num_threads(1)
    samples = int(sys.argv[1]) if len(sys.argv) > 1 else 512
    names = [f"{own}/{short}" for own in entries() for short, at in domain(own).presets().items() if has_weights(at)]
    first = 0.0
    print(f"{'preset':24} {'CPU s / 1000':>12} {'ratio':>6} {'outside network':>16} {'network calls':>14}")
    for name in names:
        seconds, inside, calls = measure(name, samples)
        first = first or seconds
        outside = f"{1 - inside / seconds:.1%}"
        print(f"{name:24} {seconds / samples * 1000:12.1f} {seconds / first:6.2f} {outside:>16} {calls:14}")


if __name__ == "__main__":
    main()
