"""Exact denoisers of Bayesian flows: the posterior of the points, as a belief or as its mean vector."""

from __future__ import annotations

import torch
from torch import Tensor

from geodrift.denoiser import Conditions
from geodrift.embeddings import Embedding
from geodrift.parametrization import Data
from geodrift.prediction import Belief, Estimate, Located
from geodrift.processes import Affine, Bayesian
from geodrift.processes.families import Categorical
from geodrift.processes.periodic import Periodic
from geodrift.processes.von_mises import VonMisesFlow
from geodrift.testing.exact import Exact
from geodrift.testing.oracle import average, beliefs, log_likelihood


class Averaged:
    """An exact denoiser of a Bayesian flow that tells mean vectors where it has beliefs.

    Arguments:
        exact: The exact denoiser.
    """

    def __init__(self, exact: Exact) -> None:
        self.exact, self.process = exact, exact.process

    def __call__(self, z: Tensor, t: Tensor, cond: Conditions | None = None) -> Estimate:
        process = self.process
        if not isinstance(process, Bayesian):
            raise TypeError(f"{type(process).__name__} has no mean vectors")
        mean = process.mean(self.exact(z, t))
        return Estimate(mean, z - process.at(t, z).alpha * mean)


def _path(part: Bayesian) -> Affine:
    return Affine(part.schedule, part.family.embedding, Data())


@log_likelihood.register
def _(part: Bayesian, z: Tensor, points: Tensor, std: Tensor | None, t: Tensor) -> Tensor:
    return log_likelihood(_path(part), z, points, std, t)


@average.register
def _(part: Bayesian, posterior: Tensor, z: Tensor, points: Tensor, std: Tensor | None, t: Tensor) -> Belief | Estimate:
    if isinstance(part.family, Categorical):
        return beliefs(posterior, points, part.family.classes)
    if isinstance(part.family, Periodic):
        return _placed(posterior, part.family.embedding, points, std)
    mean: Estimate = average(_path(part), posterior, z, points, std, t)
    return mean


@log_likelihood.register
def _(part: VonMisesFlow, z: Tensor, points: Tensor, std: Tensor | None, t: Tensor) -> Tensor:
    # The belief is exactly von Mises with natural parameter z; the law of the length of z does not depend on the data.
    return torch.einsum("b...d,m...d->b...m", z, part.embedding.embed(points))


@average.register
def _(part: VonMisesFlow, posterior: Tensor, z: Tensor, points: Tensor, std: Tensor | None, t: Tensor) -> Located:
    return _placed(posterior, part.embedding, points, std)


def _placed(posterior: Tensor, embedding: Embedding, points: Tensor, std: Tensor | None) -> Located:
    if std is not None:
        raise TypeError("points on a circle have no width; give more points")
    vectors = embedding.embed(points).movedim(0, -2)
    inner = vectors.shape[:-1]
    chances = posterior.reshape(len(posterior), *(1,) * (len(inner) - 1), -1).expand(-1, *inner)
    return Located(torch.log(chances), vectors)
