"""What compiling a network saves, or eight-bit integers in its linear layers: CPU seconds, plain over changed.

    python benchmarks/networks.py graphs/qm9 crystals/mp20 [--batch 128] [--steps 6] [--rounds 8]

One thread. Each round draws a batch with the plain network and with each changed one, one after another; the figure is
the median over the rounds, with the least and the greatest. Compiling is not counted; it is told apart, in seconds.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from geodrift.compilation import compiled
from geodrift.model import Model
from geodrift.presets import load


class Changed(nn.Module):
    """A network that runs in another way."""

    def __init__(self, network: nn.Module, run: Callable[..., Any]) -> None:
        super().__init__()
        self.network, self.run = network, run

    def forward(self, *inputs: Any) -> Any:
        return self.run(*inputs)


def changed(network: nn.Module) -> dict[str, nn.Module]:
    """The network in every way, the plain one first."""
    warnings.filterwarnings("ignore", module="torch")
    int8 = torch.ao.quantization.quantize_dynamic(network, {nn.Linear})  # type: ignore[no-untyped-call]
    return {"plain": network, "compiled": Changed(network, compiled(network)), "int8": int8}


def seconds(model: Model, network: nn.Module, top: int, asked: argparse.Namespace) -> float:
    """CPU seconds of drawing the batch that begins with this sample."""
    settings = model.config.sample.model_copy(update={"steps": asked.steps})
    model.denoiser.network = network
    start = time.process_time()
    model.draw(range(top, top + asked.batch), 1, settings, {})
    return time.process_time() - start


def compare(name: str, asked: argparse.Namespace) -> None:
    model = load(name)
    ways = changed(model.denoiser.network)
    first = {way: seconds(model, network, 0, asked) for way, network in ways.items()}
    for network in ways.values():  # sizes that differ from the first may compile once more
        seconds(model, network, asked.batch, asked)
    rounds = [
        {way: seconds(model, network, at * asked.batch, asked) for way, network in ways.items()}
        for at in range(2, 2 + asked.rounds)
    ]
    print(f"{name}: plain {statistics.median(each['plain'] for each in rounds):.2f} s", flush=True)
    for way in list(ways)[1:]:
        gains = [each["plain"] / each[way] for each in rounds]
        told = f"{statistics.median(gains):.2f} times as fast ({min(gains):.2f} to {max(gains):.2f})"
        print(f"  {way:10} {told}, the first batch {first[way]:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("presets", nargs="*")
    for key, value in {"batch": 128, "steps": 6, "rounds": 8}.items():
        parser.add_argument(f"--{key}", type=int, default=value)
    asked = parser.parse_args()
    if not asked.presets:
        return parser.print_help()
    torch.set_num_threads(1)
    for name in asked.presets:
        compare(name, asked)


if __name__ == "__main__":
    main()
