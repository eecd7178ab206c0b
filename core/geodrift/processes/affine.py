r"""Data plus noise, :math:`z_t = \alpha_t x + \sigma_t n`, with noise from a source, mostly a Gaussian one.

Score-based diffusion (VP, sub-VP, VE, EDM), cosine diffusion and rectified flow are this process with their schedule.
The ancestral law interpolates between the deterministic step (:math:`\eta = 0`, DDIM) and the posterior of the
forward process (:math:`\eta = 1`):

.. math:: z_s = \alpha_s \hat x + \sqrt{\sigma_s^2 - \tau^2}\,\hat n + \tau\varepsilon, \qquad
   \tau^2 = \eta^2 \frac{\sigma_s^2}{\sigma_t^2} \left(\sigma_t^2 - \frac{\alpha_t^2}{\alpha_s^2} \sigma_s^2\right).

References:
    | Score-Based Generative Modeling through SDEs (Song et al., 2021), https://arxiv.org/abs/2011.13456
    | Denoising Diffusion Implicit Models (Song et al., 2021), https://arxiv.org/abs/2010.02502
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from geodrift.embeddings import Embedding, Identity
from geodrift.errors import InputError
from geodrift.kernel import Gaussian
from geodrift.layout import Layout, trailing
from geodrift.parametrization import Linear, Parametrization, Velocity
from geodrift.prediction import Estimate
from geodrift.processes.process import Draw, Scored
from geodrift.rng import Streams
from geodrift.schedules import Coefficients, Schedule
from geodrift.sources import Normal, Source
from geodrift.spaces import Euclidean, Space

_LEAST_SIGNAL = 1e-6
_LEAST_NOISE = 1e-6
_UNIT = 1e-12  # how far from one a scale may be and still change nothing


@dataclass(frozen=True)
class Affine(Scored):
    """Noise added to scaled data.

    Arguments:
        schedule: Scales of signal and noise.
        embedding: How data values are written as vectors.
        parametrization: What the network predicts.
        weighting: The row whose squared error is the loss; by default the network's own. Classes have none.
        data_std: Standard deviation of the embedded data, which scales what the network sees to unit variance.
        space: A vector space, onto which the noise is projected.
        source: The law of the noise.
    """

    schedule: Schedule
    embedding: Embedding = field(default_factory=Identity)
    parametrization: Parametrization = field(default_factory=Velocity)
    weighting: Linear | None = None
    data_std: float = 1.0
    space: Space[Tensor] = field(default_factory=Euclidean)
    source: Source = field(default_factory=Normal)

    noised = True
    linear = True

    def __post_init__(self) -> None:
        row, at = self.parametrization, self.schedule(torch.ones((), dtype=torch.float64))
        if at.sigma < _LEAST_NOISE:
            return  # no grid may begin there, see `admit`
        if isinstance(row, Linear) and row.row(at).determinant(at).abs() < _LEAST_SIGNAL:
            raise InputError(f"{row} tells no data where {self.schedule} has no signal; predict data, velocity or v")

    def admit(self, times: Tensor) -> None:
        first = times.max()
        if self.schedule.sigma(first) < _LEAST_NOISE:
            raise InputError(f"{self.schedule} has no noise at time {float(first):g}; use times below, such as 0.999")

    def at(self, t: Tensor, z: Tensor) -> Coefficients:
        """Coefficients that broadcast against `z`."""
        return self.schedule(trailing(t, z))

    @property
    def clock(self) -> Schedule:
        return self.schedule

    @property
    def channels(self) -> tuple[int, int]:
        return self.embedding.channels, self.parametrization.channels(self.embedding)

    @property
    def scored(self) -> bool:  # type: ignore[override]
        return self.source.scored

    def on(self, layout: Layout) -> Affine:
        return self if self.space.on(layout) is self.space else replace(self, space=self.space.on(layout))

    def embed(self, x: Tensor) -> Tensor:
        return self.embedding.embed(x)

    def prior(self, like: Tensor, rng: Streams, t: Any = 1.0) -> Tensor:
        return self.start(self.partner(like, rng), rng, t)

    def start(self, n: Tensor, rng: Streams, t: Any = 1.0) -> Tensor:
        return self.at(torch.as_tensor(t, dtype=n.dtype, device=n.device), n).sigma * n

    def centre(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        point = self.embedding.embed(x)
        alpha = self.at(t, point).alpha
        return alpha * point, torch.log(alpha).expand_as(point)

    def prior_log_prob(self, z: Tensor, t: Tensor) -> Tensor:
        if not isinstance(self.space, Euclidean):
            raise InputError(f"noise on {self.space} has fewer dimensions than entries; no likelihood of this path")
        sigma = self.at(t, z).sigma
        return self.source.log_prob(z / sigma) - torch.log(sigma)

    def partner(self, x: Tensor, rng: Streams) -> Tensor:
        return self.space.project(self.source.sample(self.embedding.embed(x), rng))

    def corrupt(self, x: Tensor, t: Tensor, rng: Streams, n: Tensor | None = None) -> Draw:
        n = self.partner(x, rng) if n is None else n
        x = self.embedding.embed(x)
        at = self.at(t, x)
        return Draw(at.alpha * x + at.sigma * n, x, n, t)

    def mirror(self, draw: Draw) -> Draw:
        if not self.scored:
            return draw
        return Draw(2 * self.at(draw.t, draw.z).alpha * draw.x - draw.z, draw.x, -draw.n, draw.t)

    def inputs(self, z: Tensor, t: Tensor) -> Tensor:
        at = self.at(t, z)
        if at.shared:
            scale = math.hypot(at.numbers.alpha * self.data_std, at.numbers.sigma)
            return z if abs(scale - 1) < _UNIT else z / scale
        size = torch.sqrt((at.alpha * self.data_std) ** 2 + at.sigma**2)
        return z / torch.where((size - 1).abs() < _UNIT, 1, size)

    def resolve(self, raw: Tensor, z: Tensor, t: Tensor) -> Estimate:
        return self.parametrization.resolve(raw, z, self.at(t, z), self.embedding)

    def loss(self, raw: Tensor, draw: Draw) -> Tensor:
        at = self.at(draw.t, draw.z)
        error = self.parametrization.loss(raw, draw.x, draw.n, at, self.embedding)
        if self.weighting is None or not isinstance(self.parametrization, Linear):
            return error
        return error * self.weighting.row(at).error_scale(at) / self.parametrization.row(at).error_scale(at)

    def velocity(self, p: Estimate, z: Tensor, t: Tensor) -> Tensor:
        at = self.at(t, z)
        d_alpha, d_sigma = (float(v) for v in at.rates) if at.shared else (at.d_alpha, at.d_sigma)
        return p.mix(d_alpha, d_sigma)

    def score(self, p: Estimate, z: Tensor, t: Tensor) -> Tensor:
        if not self.scored:
            raise InputError(f"{self.source} is not normal, so this path has no score; its velocity it has")
        return -p.n / self.noise_std(z, t)

    def noise_std(self, z: Tensor, t: Tensor) -> Tensor:
        return self.at(t, z).sigma

    def diffusion(self, z: Tensor, t: Tensor) -> Tensor:
        return self.at(t, z).diffusion

    def kernel(self, p: Estimate, z: Tensor, t: Tensor, s: Tensor, eta: float = 1.0) -> Gaussian:
        now, then = self.at(t, z), self.at(s, z)
        variance = (then.sigma / now.sigma) ** 2 * (now.sigma**2 - (now.alpha / then.alpha * then.sigma) ** 2)
        fresh = eta**2 * variance.clamp(min=0)
        kept = torch.sqrt((then.sigma**2 - fresh).clamp(min=0))
        scales = (then.alpha.item(), kept.item()) if then.shared else (then.alpha, kept)
        return Gaussian(p.mix(*scales), torch.sqrt(fresh))

    def reverse_linear(self, z: Tensor, t: Tensor, s: Tensor) -> Gaussian:
        now, then = self.at(t, z), self.at(s, z)
        grow = then.alpha / now.alpha
        return Gaussian(grow * z, torch.sqrt(((grow * now.sigma) ** 2 - then.sigma**2).clamp(min=0)))

    def finish(self, p: Estimate, z: Tensor, rng: Streams) -> Tensor:
        return self.embedding.quantize(self.space.project(p.x))

    def expected(self, p: Estimate, z: Tensor, t: Tensor) -> Tensor:
        return self.embedding.quantize(self.space.project(p.x))

    def told(self, p: Estimate, z: Tensor, t: Tensor, x: Tensor, known: Tensor) -> Estimate:
        data, at = self.embedding.embed(x).to(z), self.at(t, z)
        where = trailing(known, data)
        return Estimate(torch.where(where, data, p.x), torch.where(where, (z - at.alpha * data) / at.sigma, p.n))
