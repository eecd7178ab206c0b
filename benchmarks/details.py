"""How far details are from those of subjects, upon coarse volumes of subjects and upon drawn ones, at levels of noise.

    python benchmarks/details.py IXI [--preset ixi-2mm] [--levels 0 0.1 0.2] [--count 16] [--others 48] [--calls 16]

IXI is a folder of brains, of which only those of `subjects=training` are used, so that a level may be chosen by what is
seen here: `--count` of them are drawn again, evenly spaced, and compared with `--others` of the rest. A row is a level
of the noise and where coarse volumes are from, with the unbiased KID × 1000, which the subjects themselves have in the
first row, and the power in the upper and lower half of the shells of frequencies beside theirs, nepers.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from geodrift.domain import Compact
from geodrift.errors import InputError
from geodrift.model import Model
from geodrift.plugins import domain
from geodrift.presets import load
from geodrift.rng import Streams
from geodrift_mri3d.details import COARSE, DetailCodec, noisy
from geodrift_mri3d.grid import Grid
from geodrift_mri3d.metrics.discrepancy import Discrepancy, cubic
from geodrift_mri3d.metrics.measured import Measured
from geodrift_mri3d.metrics.summary import Summary


@dataclass(frozen=True)
class Bench:
    """A model of details and subjects to draw again.

    Arguments:
        model: The model.
        known: Their volumes and what is known of them.
        seed: Of the samples.
    """

    model: Model
    known: Compact
    seed: int

    def drawn(self, level: float, own: bool) -> Iterator[Any]:
        """Images of these subjects, upon their own coarse volumes or those of the other model, with so much noise."""
        codec, settings = self.model.codec, self.model.config.sample
        assert isinstance(codec, DetailCodec)
        model = replace(self.model, codec=replace(codec, level=level))
        for rows in torch.arange(len(self.known.kept)).split(settings.batch_size):
            rng = Streams.of(self.seed, rows)
            state, cond = codec.batch(self.known.arrays, rows)
            like = codec.blank(rng, cond)
            if own:
                coarse = state[COARSE][:, :1]
                n = rng.split().normal(coarse)
                like = like.replace({COARSE: noisy(coarse, torch.full_like(n[:, :, :1, :1, :1], level), n)})
                cond = cond | {COARSE: coarse}
            yield from codec.decode(model.drawn(like, rng, cond, settings))


def compared(images: list[Any], others: Summary, same: Summary | None = None) -> tuple[Summary, list[float]]:
    """The numbers of images, their KID × 1000 to others, and how much more power they have than the same subjects."""
    seen = Measured.of(images, Grid.of(images[0])).summary
    x, y = seen.features, others.features
    kid = 1000 * Discrepancy(cubic(x, x), cubic(y, y), cubic(x, y)).unbiased
    more = np.zeros(2) if same is None else (seen.spectra - same.spectra).mean(0).reshape(2, -1).mean(1)
    return seen, [kid, *more.tolist()]


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--preset", default="ixi-2mm", help="a preset or the folder of a training")
    parser.add_argument("--levels", type=float, nargs="+", default=[0.0, 0.1, 0.2])
    parser.add_argument("--coarse", nargs="+", choices=("own", "drawn"), default=["own", "drawn"])
    for name, value in {"count": 16, "others": 48, "calls": 16, "seed": 5}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    return parser


def main() -> None:
    if len(sys.argv) == 1:
        return arguments().print_help()
    asked = arguments().parse_args()
    torch.set_num_threads(1)
    model = load(asked.preset, "mri3d")
    sample = model.config.sample.model_copy(update={"steps": asked.calls})
    model = replace(model, config=model.config.model_copy(update={"sample": sample}))
    subjects = domain("mri3d").read(asked.data, {"subjects": "training"}).objects
    chosen = set(np.linspace(0, len(subjects) - 1, asked.count).round().astype(int).tolist())
    rest = [thing for place, thing in enumerate(subjects) if place not in chosen]
    spaced = np.linspace(0, len(rest) - 1, min(asked.others, len(rest))).round().astype(int)
    others = Measured.of([rest[place] for place in spaced], model.codec.grid).summary
    bench = Bench(model, model.codec.compact([subjects[place] for place in sorted(chosen)]), asked.seed)
    state, _ = model.codec.batch(bench.known.arrays, torch.arange(len(bench.known.kept)))
    same, figures = compared(model.codec.decode(state), others)
    print(f"{'coarse':10} {'level':>6} {'KID':>8} {'lower':>7} {'upper':>7}")
    show("subjects", 0.0, figures)
    for source in asked.coarse:
        for level in asked.levels:
            show(source, level, compared(list(bench.drawn(level, source == "own")), others, same)[1])


def show(source: str, level: float, figures: list[float]) -> None:
    print(f"{source:10} {level:6.2f} {figures[0]:8.3f} {figures[1]:7.2f} {figures[2]:7.2f}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"details: {error}")
