r"""The exact denoisers of geodesic paths.

Given the data :math:`x` and the state :math:`z`, the source was :math:`n = \exp_x(\log_x(z) / \kappa)`, and the density
of the state is that of the source there times the change of volume along the geodesic. On the sphere of dimension
:math:`m`, at the angle :math:`\rho` between `x` and `z`,

.. math:: p(z | x) = p(n) \left(\frac{\sin(\rho / \kappa)}{\sin \rho}\right)^{m - 1} \frac{1}{\kappa}, \qquad
   \rho \le \kappa \pi,

with a constant :math:`p(n)` for a uniform source. On the simplex, seen as the positive part of a sphere, the uniform
law of the probabilities has the density :math:`\prod_i \sqrt{n_i}`. On the torus data may be blurred: `z` is the point
plus a uniform number of width :math:`\kappa P` plus a normal one,

.. math:: p(z) = \frac{1}{\kappa P} \sum_k \left[\Phi\left(\frac{\delta_k + \kappa P / 2}{b}\right)
   - \Phi\left(\frac{\delta_k - \kappa P / 2}{b}\right)\right], \qquad \delta_k = z - x + k P.

Densities are those of a uniform source. A state that no data can lead to, which a long step may reach, belongs to the
data that miss it least.
"""

from __future__ import annotations

import math
from functools import singledispatch
from typing import NamedTuple

import torch
from torch import Tensor

from geodrift.errors import InputError
from geodrift.layout import trailing
from geodrift.processes import Geodesic, Tangent
from geodrift.spaces import Simplex, Space, Sphere, Torus
from geodrift.testing.oracle import average, log_likelihood, weigh

_IMAGES = 3
_SHARP = 1e-9  # the blur of a point that has none, as a share of the period
_EDGE = 1e-6
_STEEP = 1e4


class Known(NamedTuple):
    """What is known of a state, given each of the points, in a last axis.

    Arguments:
        log_density: Log-density of the state.
        heading: The expected velocity, with `kappa` as time.
    """

    log_density: Tensor
    heading: Tensor


@singledispatch
def known(space: Space[Tensor], z: Tensor, x: Tensor, std: Tensor | None, kappa: Tensor) -> Known:
    """For states `(B, 1, ...)`, points `(1, M, ...)`, with `M` in the last axis of the result."""
    raise TypeError(f"no exact denoiser for geodesics on {space}; register what is known")


@known.register
def _(space: Torus, z: Tensor, x: Tensor, std: Tensor | None, kappa: Tensor) -> Known:
    blur = space.period * torch.full((x.shape[1],), _SHARP).to(z) if std is None else std
    b = blur.reshape(1, -1, *(1,) * (z.ndim - 1))
    images = torch.arange(-_IMAGES, _IMAGES + 1).to(z) * space.period
    delta, half = space.log(x, z)[..., None] + images, (kappa * space.period / 2)[..., None]
    log_mass, centre = box(delta, half, b)
    heading = (torch.softmax(log_mass, -1) * (delta - centre)).sum(-1) / kappa
    return Known(
        (torch.logsumexp(log_mass, -1) - torch.log(kappa * space.period)).movedim(1, -1), heading.movedim(1, -1)
    )


def box(delta: Tensor, half: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Log-mass of a centred normal law of spread `b` between `delta - half` and `delta + half`, and its mean there."""
    near = delta.abs()
    top, bottom = (half - near) / b, (-half - near) / b
    high, low = torch.special.log_ndtr(top), torch.special.log_ndtr(bottom)
    log_mass = high + torch.log(-torch.expm1(low - high))
    ends = [torch.exp(-torch.square(end) / 2 - log_mass) / math.sqrt(2 * math.pi) for end in (top, bottom)]
    return log_mass, torch.sign(delta) * b * (ends[0] - ends[1])


@known.register
def _(space: Sphere, z: Tensor, x: Tensor, std: Tensor | None, kappa: Tensor) -> Known:
    _sharp(space, std)
    way = space.log(z, x)
    return Known(_volume(way, kappa).movedim(1, -1), (-way / kappa).movedim(1, -1))


@known.register
def _(space: Simplex, z: Tensor, x: Tensor, std: Tensor | None, kappa: Tensor) -> Known:
    _sharp(space, std)
    way, root = space.log(z, x), torch.sqrt(x)
    start = Sphere().exp(root, Sphere().log(root, torch.sqrt(z)) / kappa)
    missed = torch.relu(-start).sum(-1)
    source = torch.where(missed > _EDGE, -_STEEP * (1 + missed), torch.log(start.clamp(min=_EDGE**2)).sum(-1))
    return Known((source + _volume(way / 2, kappa)).movedim(1, -1), (-way / kappa).movedim(1, -1))


def _volume(way: Tensor, kappa: Tensor) -> Tensor:
    """Log of the change of volume along geodesics of the sphere from points at `way` from the state."""
    angle, share = torch.linalg.vector_norm(way, dim=-1), kappa[..., 0]
    whole = angle / share
    last = math.pi - _EDGE
    inside = torch.sinc(whole.clamp(max=last) / math.pi) / torch.sinc(angle.clamp(max=last) / math.pi)
    excess = torch.relu(whole - last)
    return (way.shape[-1] - 2) * torch.log(inside) - (way.shape[-1] - 1) * torch.log(share) - _STEEP * excess


def _sharp(space: Space[Tensor], std: Tensor | None) -> None:
    if std is not None:
        raise InputError(f"the exact denoiser on {space} is for points without blur; leave std out")


def _known(part: Geodesic, z: Tensor, points: Tensor, std: Tensor | None, t: Tensor) -> Known:
    if part.source is not None:
        raise InputError("the exact denoiser of a geodesic path is for its uniform source; leave source out")
    kappa = trailing(part.schedule.sigma(t), z).expand_as(z)
    blur = std if points.is_floating_point() else None
    return known(part.space, z[:, None], part.embedding.embed(points)[None], blur, kappa[:, None])


@log_likelihood.register
def _(part: Geodesic, z: Tensor, points: Tensor, std: Tensor | None, t: Tensor) -> Tensor:
    return _known(part, z, points, std, t).log_density


@average.register
def _(part: Geodesic, posterior: Tensor, z: Tensor, points: Tensor, std: Tensor | None, t: Tensor) -> Tangent:
    heading = weigh(posterior, _known(part, z, points, std, t).heading)
    return Tangent(heading, trailing(part.schedule.sigma(t), z))
