r"""The exact denoiser of an interpolant on a torus, from the uniform law.

Given the data :math:`x`, blurred or not, the nearest image of the source is :math:`x + w` with a uniform :math:`w` of
width :math:`P`, so that the state is :math:`x + b w + \gamma n` modulo :math:`P`: the point, a uniform number of width
:math:`b P` and a normal one. The image :math:`\delta` of its offset tells both, as for geodesics.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from geodrift.layout import trailing
from geodrift.processes import Interpolant, Transport
from geodrift.processes.interpolant import Scales
from geodrift.sources import Uniform
from geodrift.spaces import Torus
from geodrift.testing.geodesic import box
from geodrift.testing.oracle import average, log_likelihood, weigh

_IMAGES = 2
_SHARP = 1e-6  # the blur of a point that has none, as a share of the period


class Seen(NamedTuple):
    """What is known of a state, given each of the points, `(B, ..., M)`.

    Arguments:
        log_density: Log-density of the state.
        noise: The expected latent.
        way: The expected way from the data to the source, :math:`w`.
    """

    log_density: Tensor
    noise: Tensor
    way: Tensor


def _seen(part: Interpolant, z: Tensor, points: Tensor, std: Tensor | None, t: Tensor) -> Seen:
    space, at = part.space, part.scales(t, z[..., None])
    if not (isinstance(space, Torus) and isinstance(part.source, Uniform)):
        raise TypeError("the exact denoiser of an interpolant in a vector space is ExactTransport")
    x = part.embed(points).movedim(0, -1)
    spread = torch.hypot(at.gamma, torch.zeros_like(at.gamma) if std is None else std.to(z))
    spread = spread.clamp(min=_SHARP * space.period).expand(*z.shape, x.shape[-1])
    images = space.period * torch.arange(-_IMAGES, _IMAGES + 1).to(z)
    delta, half = space.log(x, z[..., None])[..., None] + images, (at.b * space.period / 2)[..., None]
    log_mass, centre = box(delta, half, spread[..., None])
    shares = torch.softmax(log_mass, -1)
    normal = (shares * centre).sum(-1)
    way = (shares * (delta - centre)).sum(-1) / at.b
    density = torch.logsumexp(log_mass, -1) - torch.log(at.b * space.period)
    return Seen(density, at.gamma / torch.square(spread) * normal, way)


@log_likelihood.register
def _(part: Interpolant, z: Tensor, points: Tensor, std: Tensor | None, t: Tensor) -> Tensor:
    return _seen(part, z, points, std, t).log_density


@average.register
def _(part: Interpolant, posterior: Tensor, z: Tensor, points: Tensor, std: Tensor | None, t: Tensor) -> Transport:
    seen, at = _seen(part, z, points, std, t), part.scales(t, z)
    noise, mean = weigh(posterior, seen.noise), at.d_b * weigh(posterior, seen.way)
    return _told(noise, mean, z, t, at)


def _told(noise: Tensor, mean: Tensor, z: Tensor, t: Tensor, at: Scales) -> Transport:
    return Transport(mean + at.d_gamma * noise, noise, z - at.gamma * noise - trailing(t, z) * mean)
