"""Fit the variances of a brain model's linear denoiser again, to volumes moved as its config says now.

A training that begins with strong augmentation, whose interpolation smooths volumes, and ends without it has a linear
denoiser of smooth volumes; this gives it the variances of sharp ones. Means and components stay.

python tools/refit.py RUN DATA --out FOLDER
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from geodrift import checkpoint
from geodrift.presets import located, restore
from geodrift_mri3d import domain
from geodrift_mri3d.codec import VolumeCodec
from geodrift_mri3d.networks.assembly import batches
from geodrift_mri3d.networks.linear import LinearDenoiser
from geodrift_mri3d.networks.volume_network import VolumeNetwork

DRAWS = 2


def main(run: Path, data: Path, out: Annotated[Path, typer.Option()]) -> None:
    source = located(run)
    model = restore(source, source.manifest.averaged)
    assert isinstance(model.codec, VolumeCodec)
    assert isinstance(model.denoiser.network, VolumeNetwork)
    linear = model.denoiser.network.linear
    assert linear is not None
    images = domain.read(data, model.config.data.get("where", {})).objects
    seen = replace(model.codec, observed=model.codec.compact(images))
    fresh = LinearDenoiser(tuple(linear.mean.shape), len(linear.slope), len(linear.spread))
    fresh.fit(batches(seen, model.denoiser.network.told, DRAWS))
    linear.variance.copy_(fresh.variance)
    written = checkpoint.write(out, source.manifest, {"model": model.denoiser.state_dict()})
    print(written.folder)


if __name__ == "__main__":
    typer.run(main)
