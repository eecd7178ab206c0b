r"""Normal noise on a torus: :math:`z_t = x + \sigma_t n` modulo a period.

The law of :math:`z_t` given :math:`x` is the wrapped normal law, and that of all data, from some noise on, the uniform
one. It is the marginal of :math:`dz = g\,dW` on the torus, so it has a score, and the network answers with

.. math:: \hat n = -\sigma_t \nabla \log p_t(z_t), \qquad \text{loss } |\hat n + \sigma_t \nabla \log q_t(z_t | x)|^2,

the noise expected over all images of the data. Its mean square :math:`v(\sigma / P)` falls from one to nothing while
the law spreads over the torus; normalised, the network answers with :math:`\hat n / \sqrt v` and all times count alike.
Points of a torus have no mean, so that there are no data to predict, only this tangent. The ancestral law is that of
a normal path, :math:`z_s = z_t - \sigma_t \hat n + \sqrt{\sigma_s^2 - \tau^2}\,\hat n + \tau \varepsilon`,
:math:`\tau^2 = \eta^2 \sigma_s^2 (1 - \sigma_s^2 / \sigma_t^2)`, modulo the period.

References:
    | Torsional Diffusion for Molecular Conformer Generation (Jing et al., 2022), https://arxiv.org/abs/2206.01729
    | Crystal Structure Prediction by Joint Equivariant Diffusion (Jiao et al., 2023), https://arxiv.org/abs/2309.04475
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from geodrift.embeddings import Embedding, Identity
from geodrift.errors import InputError
from geodrift.layout import trailing
from geodrift.prediction import Tangent
from geodrift.processes.process import Draw, Scored
from geodrift.rng import Streams
from geodrift.schedules import Coefficients, Schedule
from geodrift.spaces import Torus
from geodrift.wrapped_normal import WrappedNormal, information

_MOST = 0.1  # the largest wave of the law at the source, where the uniform law takes its place


@dataclass(frozen=True)
class Wrapped(Scored):
    """Normal noise added to points of a torus.

    Arguments:
        schedule: One with the signal 1 at all times (VE, EDM), whose noise at the source covers the torus.
        space: The torus.
        normalised: The network answers with numbers of unit mean square at all times.
        embedding: How data values are written.
    """

    schedule: Schedule
    space: Torus = field(default_factory=Torus)
    normalised: bool = True
    embedding: Embedding = field(default_factory=Identity)

    noised = True

    def __post_init__(self) -> None:
        at = self.schedule(torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64))
        if not torch.all(at.alpha == 1):
            raise InputError(f"{self.schedule} scales the data, which no torus allows; choose ve or edm")
        if 2 * math.exp(-2 * (math.pi * float(at.sigma[-1]) / self.space.period) ** 2) > _MOST:
            raise InputError(
                f"noise of {float(at.sigma[-1]):.3g} does not cover {self.space}; take half a period or more"
            )

    def at(self, t: Tensor, z: Tensor) -> Coefficients:
        """Coefficients that broadcast against `z`."""
        return self.schedule(trailing(t, z))

    @property
    def channels(self) -> tuple[int, int]:
        return self.embedding.channels, self.embedding.channels

    def law(self, x: Tensor, t: Tensor) -> WrappedNormal:
        """The law of the state at time `t`, given the data."""
        return WrappedNormal(x, self.at(t, x).sigma, self.space)

    def embed(self, x: Tensor) -> Tensor:
        return self.space.project(self.embedding.embed(x))

    def prior(self, like: Tensor, rng: Streams, t: Any = 1.0) -> Tensor:
        return self.space.uniform(self.embedding.embed(like), rng)

    def centre(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        point = self.embed(x)
        return point, torch.zeros_like(point)

    def prior_log_prob(self, z: Tensor, t: Tensor) -> Tensor:
        return self.space.uniform_log_prob(z)

    def corrupt(self, x: Tensor, t: Tensor, rng: Streams, n: Tensor | None = None) -> Draw:
        x = self.embed(x)
        n = rng.normal(x) if n is None else n
        return Draw(self.space.exp(x, self.at(t, x).sigma * n), x, n, t)

    def inputs(self, z: Tensor, t: Tensor) -> Tensor:
        return z

    def scale(self, z: Tensor, t: Tensor) -> Tensor:
        """The noise that one unit of the network's answer means, broadcasting against `z`."""
        sigma = self.noise_std(z, t)
        if not self.normalised:
            return torch.ones_like(sigma)
        return torch.sqrt(information(sigma / self.space.period).clamp(min=torch.finfo(sigma.dtype).tiny))

    def resolve(self, raw: Tensor, z: Tensor, t: Tensor) -> Tangent:
        return Tangent(self.scale(z, t) * raw, self.noise_std(z, t))

    def loss(self, raw: Tensor, draw: Draw) -> Tensor:
        sigma, law = self.noise_std(draw.z, draw.t), self.law(draw.x, draw.t)
        return torch.square(raw + sigma * law.score(draw.z) / self.scale(draw.z, draw.t))

    def velocity(self, p: Tangent, z: Tensor, t: Tensor) -> Tensor:
        return self.at(t, z).d_sigma * p.v

    def score(self, p: Tangent, z: Tensor, t: Tensor) -> Tensor:
        return -p.v / self.noise_std(z, t)

    def noise_std(self, z: Tensor, t: Tensor) -> Tensor:
        return self.at(t, z).sigma

    def diffusion(self, z: Tensor, t: Tensor) -> Tensor:
        return self.at(t, z).diffusion

    def kernel(self, p: Tangent, z: Tensor, t: Tensor, s: Tensor, eta: float = 1.0) -> WrappedNormal:
        now, then = self.at(t, z).sigma, self.at(s, z).sigma
        fresh = torch.square(eta * then) * (1 - torch.square(then / now))
        kept = torch.sqrt((torch.square(then) - fresh).clamp(min=0))
        return WrappedNormal(self.space.exp(z, (kept - now) * p.v), torch.sqrt(fresh.clamp(min=0)), self.space)

    def reverse_linear(self, z: Tensor, t: Tensor, s: Tensor) -> WrappedNormal:
        now, then = self.at(t, z).sigma, self.at(s, z).sigma
        return WrappedNormal(z, torch.sqrt((torch.square(now) - torch.square(then)).clamp(min=0)), self.space)

    def finish(self, p: Tangent, z: Tensor, rng: Streams) -> Tensor:
        return self.embedding.quantize(self.space.exp(z, -p.left * p.v))

    def expected(self, p: Tangent, z: Tensor, t: Tensor) -> Tensor:
        return self.embedding.quantize(self.space.exp(z, -p.left * p.v))

    def told(self, p: Tangent, z: Tensor, t: Tensor, x: Tensor, known: Tensor) -> Tangent:
        """The noise is that of the nearest image of the data, so that `finish` reaches them from anywhere."""
        return p.told(self.space.log(z, self.embed(x).to(z)), known)
