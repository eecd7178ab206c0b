"""The network of a config: a body, the linear denoiser that it builds upon, and the channels that it sees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from pydantic import Field, ValidationError
from torch import Tensor

from geodrift.config import Section
from geodrift.errors import InputError
from geodrift.processes import Affine, Product
from geodrift.registry import Spec
from geodrift.rng import Streams
from geodrift_mri3d.codec import FIELD, VolumeCodec
from geodrift_mri3d.details import COARSE, DetailCodec
from geodrift_mri3d.networks import transformer, unet  # noqa: F401 - they register themselves
from geodrift_mri3d.networks.body import Body, networks
from geodrift_mri3d.networks.linear import LinearDenoiser
from geodrift_mri3d.networks.local import LocalDenoiser
from geodrift_mri3d.networks.rewritten import Rewritten
from geodrift_mri3d.networks.told import Told
from geodrift_mri3d.networks.volume_network import VolumeNetwork
from geodrift_mri3d.representation import representations
from geodrift_mri3d.tissue import TISSUES

_SEED = 5
_BATCH = 4
_ENOUGH = 16  # volumes for the linear denoiser of details, which has few numbers


class Around(Section):
    """What surrounds a body.

    Arguments:
        skip: Whether it builds upon the linear denoiser.
        rank: Principal components of that.
        draws: How often each training volume is moved at random for the fit of that.
        within: The representation whose channels the body sees, by default that of the model.
    """

    skip: bool = True
    rank: int = Field(128, gt=0)
    draws: int = Field(4, gt=0)
    within: Spec | None = None


def network(spec: Mapping[str, Any], codec: VolumeCodec, process: Product) -> VolumeNetwork:
    """The network of a config, for a codec and a process."""
    body = {key: value for key, value in spec.items() if key not in Around.model_fields}
    asked = _around({key: value for key, value in spec.items() if key in Around.model_fields})
    for key in sorted(asked.model_fields_set - {"skip"}) if isinstance(codec, DetailCodec) else ():
        raise InputError(f"network.{key}: belongs to models of whole volumes, not of details; leave it out")
    path = process.parts[FIELD]
    assert isinstance(path, Affine)
    told = Told(codec.columns)
    tissue = len(TISSUES) * codec.channels if codec.tissue else 0
    linear = _linear(asked, codec, told) if asked.skip else None
    groups = (2 if asked.skip else 1) + (len(TISSUES) if tissue else 0)
    return VolumeNetwork(path, told, _body(body, asked.within, codec, told.size, groups), linear, tissue)


def _linear(asked: Around, codec: VolumeCodec, told: Told) -> LinearDenoiser | LocalDenoiser:
    """The linear denoiser, fitted where there are training data."""
    if isinstance(codec, DetailCodec):
        local = LocalDenoiser(codec.channels)
        if codec.observed is not None:
            rows = torch.arange(len(codec.observed.kept))[:_ENOUGH]
            x, _ = codec.augmented(codec.observed.arrays, rows, Streams.of(_SEED, rows))
            local.fit(x[FIELD], x[COARSE])
        return local
    linear = LinearDenoiser((codec.channels, *codec.places), told.size, asked.rank)
    if codec.observed is not None:
        linear.fit(batches(codec, told, asked.draws))
    return linear


def _body(spec: Mapping[str, Any], within: Spec | None, codec: VolumeCodec, told: int, groups: int) -> Body:
    """A body that is given groups of channels, and a channel of each given field and of the flag of a map."""
    given = sum(path.embedding.channels for path in codec.given.values()) + int(codec.tissue)
    if within is None:
        part = codec.part if isinstance(codec, DetailCodec) else None
        places = tuple(side // 2 for side in part) if part else codec.places
        body = _built(
            spec, told, {"inputs": groups * codec.channels + given, "outputs": codec.channels, "places": places}
        )
        if part and not body.anywhere:
            raise InputError("data.part: this network has places of its own for one size of volume; choose unet")
        return body
    inner = representations.build(within)
    places = tuple(side // inner.factor for side in codec.shape)
    sides = {"inputs": groups * inner.channels + given, "outputs": inner.channels, "places": places}
    return Rewritten(_built(spec, told, sides), codec.written, inner)


def _built(spec: Mapping[str, Any], told: int, sides: Mapping[str, Any]) -> Body:
    built: Body = networks.build({"kind": "unet", **spec}, told=told, **sides)
    return built


def _around(given: Mapping[str, Any]) -> Around:
    try:
        return Around.model_validate(given)
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
