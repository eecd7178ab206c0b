"""The network of a config: a body, and the linear denoiser that it builds upon."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from pydantic import Field, ValidationError
from torch import Tensor

from geodrift.config import Section
from geodrift.errors import InputError
from geodrift.processes import Affine, Product
from geodrift.rng import Streams
from geodrift_mri3d.codec import FIELD, VolumeCodec
from geodrift_mri3d.networks import transformer, unet  # noqa: F401 - they register themselves
from geodrift_mri3d.networks.body import networks
from geodrift_mri3d.networks.linear import LinearDenoiser
from geodrift_mri3d.networks.told import Told
from geodrift_mri3d.networks.volume_network import VolumeNetwork
from geodrift_mri3d.tissue import TISSUES

_SEED = 5
_BATCH = 4


class Skip(Section):
    """The linear denoiser beneath a network.

    Arguments:
        skip: Whether there is one.
        rank: Its principal components.
        draws: How often each training volume is moved at random for its fit.
    """

    skip: bool = True
    rank: int = Field(128, gt=0)
    draws: int = Field(4, gt=0)


def network(spec: Mapping[str, Any], codec: VolumeCodec, process: Product) -> VolumeNetwork:
    """The network of a config, for a codec and a process."""
    body = {key: value for key, value in spec.items() if key not in Skip.model_fields}
    asked = _skip({key: value for key, value in spec.items() if key in Skip.model_fields})
    path = process.parts[FIELD]
    assert isinstance(path, Affine)
    told, channels = Told(codec.columns), codec.written.channels
    tissue = len(TISSUES) * channels if codec.tissue else 0
    linear = LinearDenoiser((channels, *codec.places), told.size, asked.rank) if asked.skip else None
    if linear is not None and codec.observed is not None:
        linear.fit(batches(codec, told, asked.draws))
    inputs = channels * (2 if asked.skip else 1) + (tissue + 1 if tissue else 0)
    built = networks.build(
        {"kind": "unet", **body}, inputs=inputs, outputs=channels, told=told.size, places=codec.places
    )
    return VolumeNetwork(path, told, built, linear, tissue)


def _skip(given: Mapping[str, Any]) -> Skip:
    try:
        return Skip.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"network.{first['loc'][0]}: {first['msg'].lower()}, not {first['input']!r}") from None


def batches(codec: VolumeCodec, told: Told, draws: int) -> Iterator[tuple[Tensor, Tensor]]:
    """The training volumes, each moved some times."""
    assert codec.observed is not None
    arrays, rows = codec.observed.arrays, torch.arange(len(codec.observed.kept)).repeat(draws)
    for start in range(0, len(rows), _BATCH):
        index = rows[start : start + _BATCH]
        rng = Streams.of(_SEED, torch.arange(start, start + len(index)))
        x, cond = codec.augmented(arrays, index, rng)
        yield x[FIELD], told(cond, torch.zeros(len(index)))
