r"""What a model of a size costs on this machine, measured on small volumes before anyone waits for a large one.

A call takes :math:`a n + b n^2` seconds for volumes of :math:`n` places: convolutions and attention. Both are fitted to
calls with two small volumes. What the gradient keeps in memory is counted there as well and grows with :math:`n`;
beside it stand weights, their gradients, both moments and the average, and one batch of volumes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from geodrift.config import Config
from geodrift.denoiser import Denoiser
from geodrift.errors import InputError
from geodrift.model import Model
from geodrift.objectives import Matching
from geodrift.precision import has_bfloat16
from geodrift.rng import Streams
from geodrift.state import State
from geodrift_mri3d.codec import FIELD, VolumeCodec
from geodrift_mri3d.details import DetailCodec
from geodrift_mri3d.representation import representations

_PROBES = (8, 16)  # places along each axis of the small volumes
_COPIES = 5  # of the weights while training: themselves, gradient, two moments, average
_REPEATS = 2
_MULTIPLE = (64, 64, 64)  # a size that representations divide
_BYTES = 4


def cost(config: Config, size: Sequence[int]) -> dict[str, Any]:
    """Parameters, memory and times of a model for volumes of this size.

    Arguments:
        config: Of the model; its sizes of data are passed over.
        size: Voxels along each axis.

    Raises:
        InputError: When the representation does not divide the size.
    """
    written = _codec(config, _MULTIPLE).written
    if any(side < written.factor or side % written.factor for side in size):
        raise InputError(f"--size {tuple(size)}: sides must be multiples of {written.factor}, for this representation")
    places = int(torch.tensor([side // written.factor for side in size]).prod())
    probes = [_probe(config, side * written.factor) for side in _PROBES]
    before = _before(config, size)
    own = _built(config, tuple(size))
    weights, stored = _count(own.denoiser.parameters()), _count(own.denoiser.state_dict().values())
    call, step = (_extrapolated([probe[key] for probe in probes], places) for key in ("call", "step"))
    kept = probes[-1]["kept"] * places / _PROBES[-1] ** 3
    batch = written.channels * places * _BYTES * 6
    return {
        "size": list(size),
        "parameters": weights,
        "seconds a network call": call,
        "seconds a sample": call * config.sample.steps + before,
        "seconds a training step of one volume": step,
        "GiB while sampling": (stored * _BYTES + batch + kept / 4) / 2**30,
        "GiB while training, one volume at a time": (_COPIES * stored * _BYTES + batch + kept) / 2**30,
        "threads": torch.get_num_threads(),
    }


def _codec(config: Config, size: Sequence[int]) -> VolumeCodec:
    """A codec of volumes of this size, which has seen no data."""
    x, y, z = size
    told: dict[str, Any] = {"shape": (x, y, z), "spacing": (1.0, 1.0, 1.0)}
    if config.data.get("kind") == "details":
        return DetailCodec(**told, units=(1.0,) * 8, coarse=config.data["coarse"], limits=(-1.0, 1.0))
    representation = config.data.get("representation", "haar")
    units = (1.0,) * representations.build(representation).channels
    return VolumeCodec(**told, representation=representation, units=units)


def _before(config: Config, size: Sequence[int]) -> float:
    """The seconds of the coarse volume that a sample begins with, if it does."""
    codec = _codec(config, size)
    if not isinstance(codec, DetailCodec):
        return 0.0
    seconds: float = cost(codec.drawing.config, [side // 2 for side in size])["seconds a sample"]
    return seconds


def _built(config: Config, size: Sequence[int]) -> Model:
    """An untrained model for volumes of this size."""
    return Model.build(config, _codec(config, size))


def _probe(config: Config, side: int) -> Mapping[str, float]:
    """Seconds of a call and of a training step, and bytes kept for the gradient, with a cube of this side."""
    model = _built(config, (side,) * 3)
    x = model.codec.blank(Streams.of(0, 1), {})
    kept: dict[int, int] = {}
    reduced = config.train.precision == "bf16" and has_bfloat16("cpu")
    with torch.autocast("cpu", torch.bfloat16, enabled=reduced):
        with torch.autograd.graph.saved_tensors_hooks(lambda tensor: _noted(kept, tensor), lambda tensor: tensor):
            _step(model.denoiser, x)
        step = _seconds(lambda: _step(model.denoiser, x))
    call = _seconds(lambda: _call(model.denoiser, x))
    return {"call": call, "step": step, "kept": float(sum(kept.values()))}


def _noted(kept: dict[int, int], tensor: Tensor) -> Tensor:
    kept[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
    return tensor


@torch.no_grad()
def _call(denoiser: Denoiser, x: State) -> None:
    denoiser.eval()(x, torch.full((1,), 0.5))[FIELD].x.sum()


def _step(denoiser: Denoiser, x: State) -> None:
    Matching()(denoiser.train(), x, {}, Streams.of(0, 1)).total.backward()  # type: ignore[no-untyped-call]


def _seconds(act: Callable[[], None]) -> float:
    act()
    times = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        act()
        times.append(time.perf_counter() - start)
    return min(times)


def _extrapolated(seconds: Sequence[float], places: int) -> float:
    """The time for this many places, linear and quadratic, neither of them negative."""
    small, large = (side**3 for side in _PROBES)
    quadratic = max(0.0, (seconds[1] / large - seconds[0] / small) / (large - small))
    linear = max(0.0, seconds[1] / large - quadratic * large)
    return linear * places + quadratic * places**2


def _count(tensors: Any) -> int:
    return sum(tensor.numel() for tensor in tensors)
