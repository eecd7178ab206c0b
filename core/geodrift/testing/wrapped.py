r"""The exact denoiser of normal noise on a torus.

Data around a point by a wrapped normal law of variance :math:`b^2` are, with noise, around it by one of variance
:math:`b^2 + \sigma^2`; the expected noise is the score of their mixture.
"""

from __future__ import annotations

import torch
from torch import Tensor

from geodrift.processes import Tangent, Wrapped
from geodrift.testing.oracle import average, log_likelihood, weigh
from geodrift.wrapped_normal import WrappedNormal


def _laws(part: Wrapped, z: Tensor, points: Tensor, std: Tensor | None, t: Tensor) -> WrappedNormal:
    x = part.embedding.embed(points).movedim(0, -1)
    blur = torch.zeros(()) if std is None else std
    spread = torch.hypot(part.noise_std(z[..., None], t), blur.to(z))
    return WrappedNormal(x.expand(*z.shape, -1), spread, part.space)


@log_likelihood.register
def _(part: Wrapped, z: Tensor, points: Tensor, std: Tensor | None, t: Tensor) -> Tensor:
    return _laws(part, z, points, std, t).log_prob(z[..., None])


@average.register
def _(part: Wrapped, posterior: Tensor, z: Tensor, points: Tensor, std: Tensor | None, t: Tensor) -> Tangent:
    sigma = part.noise_std(z, t)
    scores = _laws(part, z, points, std, t).score(z[..., None])
    return Tangent(-sigma * weigh(posterior, scores), sigma)
