r"""The vector fields of a denoiser: its score and its velocity, on a tensor or on the fields of a state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from geodrift.denoiser import Conditions, Denoise
from geodrift.diagnostics.flat import Flat
from geodrift.errors import InputError
from geodrift.processes import Process, Product, has_score
from geodrift.state import State

VectorField = Callable[[Any], Any]
"""A tensor to one of the same shape, or a state to one of its fields that have a vector; each sample for itself."""


def score(process: Process, p: Any, z: Any, t: Any) -> Any:
    """The score of a prediction; of a product that of each field that has one.

    Raises:
        InputError: When no field has a score.
    """
    if not isinstance(process, Product):
        return _leaf(process, "this process").score(p, z, t)
    times, names = process.times(t, z), scored_fields(process)
    fields = {name: _leaf(process.parts[name], name).score(p[name], z[name], times[name]) for name in names}
    return State(fields, z.layouts).masked()


def noise_std(process: Process, z: Any, t: Any) -> Any:
    """The scale :math:`\\sigma` of the noise, shaped like the state; of a product for each field that has a score."""
    if not isinstance(process, Product):
        return _leaf(process, "this process").noise_std(z, t).expand_as(z)
    times, names = process.times(t, z), scored_fields(process)
    fields = {n: _leaf(process.parts[n], n).noise_std(z[n], times[n]).expand_as(z[n]) for n in names}
    return State(fields, z.layouts)


def scored_fields(process: Process) -> tuple[str, ...]:
    """The names of the fields that have a score; the empty name for a leaf.

    Raises:
        InputError: When there are none.
    """
    names = tuple(name for name, part in process.leaves.items() if has_score(part))
    if not names:
        raise InputError(f"a score was asked of {process}, which has none; a real field with a normal source has")
    return names


def _leaf(part: Process, name: str) -> Any:
    if not has_score(part):
        raise InputError(f"a score was asked of {name} ({part}), which has none; a path from a normal source has one")
    return part


def score_field(denoise: Denoise, t: Tensor, cond: Conditions | None = None) -> VectorField:
    """The score at the time `t` as a function of the state."""
    return lambda z: score(denoise.process, denoise(z, t, cond), z, t)


def velocity_field(denoise: Denoise, t: Tensor, cond: Conditions | None = None) -> VectorField:
    """The velocity at the time `t` as a function of the state."""
    return lambda z: denoise.process.velocity(denoise(z, t, cond), z, t)


def as_vectors(field: VectorField, z: Any) -> tuple[Flat, Callable[[Tensor], Tensor]]:
    """The field as a function of vectors `(B, D)`, and the way to them; what has no vector stays as it is in `z`."""
    with torch.no_grad():
        found = field(z)
    flat = Flat.of(z, tuple(found) if isinstance(found, State) else None)
    return flat, lambda v: flat.join(field(flat.split(v)))
