r"""Line integrals :math:`\int s \cdot dl` of a vector field: of a gradient they depend on the ends alone.

Around a closed loop the integral of a gradient is zero; around a small circle of radius :math:`r` that of any field is
:math:`\pi r^2 (e_2^\top J e_1 - e_1^\top J e_2)` (Stokes). Along different ways between two points the
log-densities that a score implies differ by as much as it is not a gradient.

References:
    | Are We Really Learning the Score Function? (Vuong et al., 2025), https://arxiv.org/abs/2509.00336
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from geodrift.diagnostics.fields import VectorField, as_vectors
from geodrift.diagnostics.flat import Flat
from geodrift.rng import Streams


class Circulation(NamedTuple):
    """A loop integral, `(B,)`, and the same by the length of the loop and the mean length of the field on it."""

    integral: Tensor
    relative: Tensor


@torch.no_grad()
def loop_integral(field: VectorField, z: Any, radius: float, rng: Streams, points: int = 64) -> Circulation:
    """Around a circle through each state, in a random plane of its own.

    Arguments:
        field: A vector field on tensors or states.
        z: A point of each circle.
        radius: Of the circles, in the units of `z`.
        rng: One stream for each sample.
        points: Where the field is evaluated; for a smooth field the error falls faster than any power.
    """
    flat, function = as_vectors(field, z)
    v = flat.join(z)
    one, two = _plane(flat, v, rng)
    angles = torch.arange(points, dtype=v.dtype, device=v.device) * (2 * math.pi / points)
    centre = v - radius * one
    integral, length = torch.zeros(len(v)).to(v), torch.zeros(len(v)).to(v)
    for angle in angles:
        s = function(centre + radius * (torch.cos(angle) * one + torch.sin(angle) * two))
        integral += (s * (torch.cos(angle) * two - torch.sin(angle) * one)).sum(1) * (2 * math.pi * radius / points)
        length += s.norm(dim=1) * (2 * math.pi * radius / points)
    return Circulation(integral, torch.where(length > 0, integral / length, 0.0))


@torch.no_grad()
def line_integral(field: VectorField, path: Sequence[Any], nodes: int = 16) -> Tensor:
    """Along the straight pieces between the states of a path, `(B,)`; a path that ends where it begins is a loop.

    Arguments:
        field: A vector field on tensors or states.
        path: The states.
        nodes: Of Gauss and Legendre, on each piece.
    """
    flat, function = as_vectors(field, path[0])
    corners = [flat.join(z) for z in path]
    places, weights = np.polynomial.legendre.leggauss(nodes)
    total = torch.zeros(len(corners[0])).to(corners[0])
    for begin, end in pairwise(corners):
        for place, weight in zip((places + 1) / 2, weights / 2, strict=True):
            total += weight * (function(begin + place * (end - begin)) * (end - begin)).sum(1)
    return total


@torch.no_grad()
def path_dependence(
    field: VectorField, begin: Any, end: Any, rng: Streams, paths: int = 8, detour: float = 1.0, nodes: int = 16
) -> Tensor:
    """The standard deviation of the integral over broken paths from `begin` to `end`, the straight one first, `(B,)`.

    Arguments:
        field: A vector field on tensors or states.
        begin: Where the paths begin.
        end: Where they end.
        rng: One stream for each sample.
        paths: Their number, two or more.
        detour: Standard deviation of the corner of a broken path around the middle, an entry.
        nodes: Of Gauss and Legendre, on each piece.
    """
    flat, _ = as_vectors(field, begin)
    middle = (flat.join(begin) + flat.join(end)) / 2
    corners = [flat.split(middle)]
    corners += [flat.split(middle + detour * rng.normal(middle)) for _ in range(paths - 1)]
    return torch.stack([line_integral(field, [begin, corner, end], nodes) for corner in corners]).std(0)


def _plane(flat: Flat, v: Tensor, rng: Streams) -> tuple[Tensor, Tensor]:
    """Two orthogonal unit vectors for each sample, of what exists."""
    first, second = (flat.join(flat.split(rng.normal(v))) for _ in range(2))
    one = normalize(first, dim=1)
    return one, normalize(second - (second * one).sum(1, keepdim=True) * one, dim=1)
