r"""A denoiser that knows the data: what a network would say that has learned everything.

It speaks as networks do, in raw outputs, so that a process that resolves them, moves by them and finishes with them
gives back the data that it was told. A process of another kind joins by registering its `answer`.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from geodrift.denoiser import Conditions
from geodrift.layout import trailing
from geodrift.parametrization import Linear
from geodrift.prediction import Located
from geodrift.processes import Affine, Bayesian, Geodesic, Given, Interpolant, Jump, Process, Product, Wrapped
from geodrift.processes.families import Categorical, Gaussian
from geodrift.processes.periodic import polar, turn
from geodrift.processes.von_mises import VonMisesFlow
from geodrift.state import State

_SURE = 1e3  # the logit of what is known


@singledispatch
def answer(part: Process, x: Tensor, z: Tensor, t: Tensor) -> Tensor:
    """The output of a network that knows the data `x`, for the state `z` at time `t`."""
    raise TypeError(f"no perfect answer for {type(part).__name__}; register it with geodrift.testing.perfect.answer")


@answer.register
def _(part: Affine, x: Tensor, z: Tensor, t: Tensor) -> Tensor:
    if not isinstance(part.parametrization, Linear):
        return _SURE * one_hot(x, part.channels[1]).to(z)
    at, embedded = part.at(t.to(z), z), part.embedding.embed(x).to(z)
    return part.parametrization.row(at).of(embedded, (z - at.alpha * embedded) / at.sigma)


@answer.register
def _(part: Jump, x: Tensor, z: Tensor, t: Tensor) -> Tensor:
    return _SURE * one_hot(x, part.classes).to(torch.get_default_dtype())


@answer.register
def _(part: Bayesian, x: Tensor, z: Tensor, t: Tensor) -> Tensor:
    family, at = part.family, part.at(t.to(z), z)
    if isinstance(family, Categorical):
        return _SURE * one_hot(x, family.classes).to(z)
    embedded = family.embedding.embed(x).to(z)
    if isinstance(family, Gaussian):
        return family.parametrization.row(at).of(embedded, z - at.alpha * embedded)
    p = family.resolve(z.new_zeros(*x.shape, family.channels[1]), z, at)
    if isinstance(p, Located):
        return -_SURE * torch.square(p.points - embedded[..., None, :]).sum(-1)
    return _SURE * _ahead(embedded, z)


@answer.register
def _(part: VonMisesFlow, x: Tensor, z: Tensor, t: Tensor) -> Tensor:
    ahead = _ahead(part.embedding.embed(x).to(z), z)
    return torch.atan2(ahead[..., 1:], ahead[..., :1])


def _ahead(point: Tensor, z: Tensor) -> Tensor:
    """A point of the circle, seen from the direction of the evidence."""
    back = polar(z)[0] * torch.tensor([1.0, -1.0]).to(z)
    return turn(back, point)


@answer.register
def _(part: Geodesic, x: Tensor, z: Tensor, t: Tensor) -> Tensor:
    return -part.space.log(z, part.embedding.embed(x).to(z)) / part.at(t.to(z), z).sigma


@answer.register
def _(part: Interpolant, x: Tensor, z: Tensor, t: Tensor) -> Tensor:
    velocity = -part.space.log(z, part.embed(x).to(z)) / trailing(t.to(z), z)
    return torch.cat([velocity, torch.zeros_like(velocity)], part.axis)


@answer.register
def _(part: Wrapped, x: Tensor, z: Tensor, t: Tensor) -> Tensor:
    t = t.to(z)
    return -part.noise_std(z, t) * part.law(part.embed(x).to(z), t).score(z) / part.scale(z, t)


@answer.register
def _(part: Given, x: Tensor, z: Tensor, t: Tensor) -> Tensor:
    return torch.zeros(*z.shape, 0, device=z.device)


class Perfect:
    """The denoiser that knows the data of each sample.

    Arguments:
        process: The process.
        x: The data, a tensor or a state.
        cond: Their conditions.
    """

    def __init__(self, process: Process, x: Any, cond: Conditions | None = None) -> None:
        self.process, self.x = process, process.enter(x, cond or {})

    def __call__(self, z: Any, t: Any, cond: Conditions | None = None) -> Any:
        process = self.process
        if not isinstance(process, Product):
            return process.resolve(answer(process, self.x, z, torch.as_tensor(t)), z, t)
        times = process.times(t, z)
        raw = {name: answer(part, self.x[name], z[name], times[name]) for name, part in process.parts.items()}
        return process.resolve(State(raw, z.layouts), z, t)
