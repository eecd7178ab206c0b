r"""Riemannian flow matching: data and source joined by geodesics.

.. math:: z_t = \exp_x(\kappa_t \log_x n), \qquad \dot z_t = \dot\kappa_t\,(\log_{z_t} n - \log_{z_t} x)

with :math:`\kappa` from zero at the data to one at the source. The difference of the two logarithms is the velocity
while :math:`\kappa` grows at unit rate, also at both ends, where one of the two is zero. The network answers with
it, projected to the tangent space, and the loss is the squared length of the error. On a vector space with
:math:`\kappa = t` this is rectified flow. A path of this kind has no score.

References:
    | Flow Matching on General Geometries (Chen, Lipman, 2024), https://arxiv.org/abs/2302.03660
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from geodrift.embeddings import Embedding, Identity
from geodrift.errors import InputError
from geodrift.kernel import Delta
from geodrift.layout import Layout, trailing
from geodrift.prediction import Tangent
from geodrift.processes.process import Draw, Flow
from geodrift.rng import Streams
from geodrift.schedules import Coefficients, Rectified, Schedule
from geodrift.sources import Source
from geodrift.spaces import Space

_CLOSE = 1e-9


@dataclass(frozen=True)
class Geodesic(Flow):
    """A path along geodesics of a space.

    Arguments:
        space: The space.
        schedule: Its noise is :math:`\\kappa`: zero at the data, one at the source.
        source: The law at the source, projected onto the space; by default the uniform law of the space.
        embedding: How data values are written as points of the space; classes as corners of a simplex, for one.
    """

    space: Space[Tensor]
    schedule: Schedule = field(default_factory=Rectified)
    source: Source | None = None
    embedding: Embedding = field(default_factory=Identity)

    def __post_init__(self) -> None:
        first, last = self.schedule.sigma(torch.tensor([0.0, 1.0], dtype=torch.float64)).tolist()
        if abs(first) > _CLOSE or abs(last - 1) > _CLOSE:
            raise InputError(
                f"a geodesic goes from 0 at the data to 1 at the source and {self.schedule} from {first:.3g} to "
                f"{last:.3g}; choose rectified or cosine"
            )

    def at(self, t: Tensor, z: Tensor) -> Coefficients:
        """Coefficients that broadcast against `z`."""
        return self.schedule(trailing(t, z))

    @property
    def channels(self) -> tuple[int, int]:
        return self.embedding.channels, self.embedding.channels

    def on(self, layout: Layout) -> Geodesic:
        return self if self.space.on(layout) is self.space else replace(self, space=self.space.on(layout))

    def embed(self, x: Tensor) -> Tensor:
        return self.space.project(self.embedding.embed(x))

    def prior(self, like: Tensor, rng: Streams, t: Any = 1.0) -> Tensor:
        return self.start(self.partner(like, rng), rng, t)

    def start(self, n: Tensor, rng: Streams, t: Any = 1.0) -> Tensor:
        return n

    def centre(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        point = self.embed(x)
        return point, torch.zeros_like(point)

    def prior_log_prob(self, z: Tensor, t: Tensor) -> Tensor:
        return self.space.uniform_log_prob(z) if self.source is None else super().prior_log_prob(z, t)

    def partner(self, x: Tensor, rng: Streams) -> Tensor:
        x = self.embedding.embed(x)
        return self.space.uniform(x, rng) if self.source is None else self.space.project(self.source.sample(x, rng))

    def corrupt(self, x: Tensor, t: Tensor, rng: Streams, n: Tensor | None = None) -> Draw:
        n = self.partner(x, rng) if n is None else n
        x = self.embed(x)
        z = self.space.exp(x, self.at(t, x).sigma * self.space.log(x, n))
        return Draw(z, x, n, t)

    def heading(self, z: Tensor, x: Tensor, n: Tensor) -> Tensor:
        """The velocity at `z`, a point of the geodesic from `x` to `n`, while :math:`\\kappa` grows at unit rate."""
        return self.space.log(z, n) - self.space.log(z, x)

    def inputs(self, z: Tensor, t: Tensor) -> Tensor:
        return z

    def resolve(self, raw: Tensor, z: Tensor, t: Tensor) -> Tangent:
        return Tangent(self.space.tangent(z, raw), self.at(t, z).sigma)

    def loss(self, raw: Tensor, draw: Draw) -> Tensor:
        z = self.space.project(draw.z)  # where nothing exists zero need not be a point
        return torch.square(self.space.tangent(z, raw - self.heading(z, draw.x, draw.n)))

    def velocity(self, p: Tangent, z: Tensor, t: Tensor) -> Tensor:
        return self.at(t, z).d_sigma * p.v

    def score(self, p: Tangent, z: Tensor, t: Tensor) -> Tensor:
        """There is none.

        Raises:
            InputError: Always.
        """
        raise InputError(f"a geodesic path on {self.space} has no score; its velocity it has")

    def kernel(self, p: Tangent, z: Tensor, t: Tensor, s: Tensor) -> Delta:
        return Delta(self.space.exp(z, (self.at(s, z).sigma - self.at(t, z).sigma) * p.v))

    def finish(self, p: Tangent, z: Tensor, rng: Streams) -> Tensor:
        return self.embedding.quantize(self.space.exp(z, -p.left * p.v))

    def expected(self, p: Tangent, z: Tensor, t: Tensor) -> Tensor:
        return self.embedding.quantize(self.space.exp(z, -p.left * p.v))

    def told(self, p: Tangent, z: Tensor, t: Tensor, x: Tensor, known: Tensor) -> Tangent:
        return p.told(self.space.log(z, self.embed(x).to(z)), known)
