r"""Stochastic interpolants: from one law to another, with a latent noise between.

On :math:`z_t = a_t x + b_t y + \gamma_t n`, see `geodrift.interpolations`, a network learns two fields, stacked in its
output: the denoiser :math:`\eta = \mathrm E[n | z_t]`, and the mean velocity
:math:`v = \mathrm E[a' x + b' y | z_t]` or the whole drift :math:`u = v + \gamma' \eta`. Each minimises the quadratic
form :math:`|f|^2 / 2 - f \cdot g`, :math:`g` what it is the mean of: the squared error without the term, perhaps
infinite, that no network changes. The score is :math:`-\eta / \gamma`. For any :math:`\varepsilon \ge 0` the law is
kept by

.. math:: dz = (u + \varepsilon \nabla \log p)\,dt + \sqrt{2 \varepsilon}\,dW, \qquad
   dz = (u - \varepsilon \nabla \log p)\,dt + \sqrt{2 \varepsilon}\,d\bar W,

run from the data to the source and from the source to the data: `EulerMaruyama(scale=epsilon)` on times that ascend or
descend. On a torus the source end is the image of :math:`y` nearest to :math:`x` and the state is taken modulo the
period; that turns with the data, as all must there, where :math:`a + b = 1`, on the straight way.

For learnt fields with excess losses :math:`\Delta_u` and :math:`\Delta_s` the divergence from the data is at most
:math:`\Delta_u / \varepsilon + \varepsilon \Delta_s`, by Girsanov's theorem.

References:
    | Stochastic Interpolants: A Unifying Framework for Flows and Diffusions (Albergo, Boffi, Vanden-Eijnden, 2023), https://arxiv.org/abs/2303.08797
    | Open Materials Generation with Stochastic Interpolants (Höllmer et al., 2025), https://arxiv.org/abs/2502.02582
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from geodrift.embeddings import Embedding, Identity
from geodrift.errors import InputError
from geodrift.interpolations import Interpolation, Linear
from geodrift.kernel import Delta, Kernel
from geodrift.layout import Layout, trailing
from geodrift.prediction import Transport
from geodrift.processes.heads import Drift, Head
from geodrift.processes.process import Draw, Scored
from geodrift.rng import Streams
from geodrift.schedules.schedule import derivative
from geodrift.sources import Normal, Source
from geodrift.spaces import Euclidean, Space, Torus

_LEAST_NOISE = 1e-12


class Scales(NamedTuple):
    """The scales at a time and their derivatives, broadcast against a state."""

    a: Tensor
    b: Tensor
    gamma: Tensor
    d_a: Tensor
    d_b: Tensor
    d_gamma: Tensor


@dataclass(frozen=True)
class Interpolant(Scored):
    """A stochastic interpolant between data and a source.

    A network answers with its two fields one after the other along the axis of the channels; conditions, times and
    what it sees are those of any process. Train on times inside, such as `Uniform(1e-3, 0.999)`, and with a Brownian
    latent on antithetic pairs, see `geodrift.objectives.antithetic`.

    Arguments:
        interpolation: The way between the two.
        source: The law of the other end.
        embedding: How data values are written as vectors.
        head: What the first field is.
        data_std: Standard deviation of the embedded data and of the source, which scales what the network sees.
        axis: The axis of the channels, from the end: -1 for vectors, -4 for volumes `(B, C, D, H, W)`.
        space: A vector space, onto which source and latent are projected, or a torus.

    Raises:
        InputError: On a torus, for a way that scales its points.
    """

    splits = False
    interpolation: Interpolation = field(default_factory=Linear)
    source: Source = field(default_factory=Normal)
    embedding: Embedding = field(default_factory=Identity)
    head: Head = field(default_factory=Drift)
    data_std: float = 1.0
    axis: int = -1
    space: Space[Tensor] = field(default_factory=Euclidean)

    def __post_init__(self) -> None:
        t, way = torch.linspace(0, 1, 5, dtype=torch.float64), self.interpolation
        if self.periodic and not torch.allclose(way.a(t) + way.b(t), torch.ones_like(t)):
            raise InputError(f"{way} scales data and source, which {self.space} does not allow; choose linear")

    @property
    def periodic(self) -> bool:
        """Whether the state is taken modulo a period."""
        return isinstance(self.space, Torus)

    @property
    def scored(self) -> bool:  # type: ignore[override]
        way = self.interpolation
        return way.noisy and (self.source.scored or not way.one_sided)

    @property
    def channels(self) -> tuple[int, int]:
        return self.embedding.channels, 2 * self.embedding.channels

    def on(self, layout: Layout) -> Interpolant:
        return self if self.space.on(layout) is self.space else replace(self, space=self.space.on(layout))

    def scales(self, t: Tensor, z: Tensor) -> Scales:
        """Scales that broadcast against `z`."""
        way, u = self.interpolation, trailing(t, z)
        slopes = (derivative(scale, u) for scale in (way.a, way.b, way.gamma))
        return Scales(way.a(u), way.b(u), way.gamma(u), *slopes)

    def admit(self, times: Tensor) -> None:
        latest = times.max()
        if not torch.isfinite(derivative(self.interpolation.gamma, latest)):
            name = type(self.interpolation.latent).__name__
            raise InputError(f"the {name} latent sets in at time {float(latest):g}; use times below, such as 0.999")

    def embed(self, x: Tensor) -> Tensor:
        return self.embedding.embed(x)

    def partner(self, x: Tensor, rng: Streams) -> Tensor:
        return self.space.project(self.source.sample(self.embed(x), rng))

    def prior(self, like: Tensor, rng: Streams, t: Any = 1.0) -> Tensor:
        return self.start(self.partner(like, rng), rng, t)

    def start(self, n: Tensor, rng: Streams, t: Any = 1.0) -> Tensor:
        at = self.scales(torch.as_tensor(t, dtype=n.dtype, device=n.device), n)
        y, latent = self._ends(n, n, rng)
        return self.space.exp(y if self.periodic else at.b * y, at.gamma * latent)

    def corrupt(self, x: Tensor, t: Tensor, rng: Streams, n: Tensor | None = None) -> Draw:
        n, x = self.partner(x, rng) if n is None else n, self.embed(x)
        y, latent = self._ends(x, n, rng)
        at = self.scales(t, x)
        y = x + self.space.log(x, y) if self.periodic else y
        return Draw(self.space.exp(at.a * x + at.b * y, at.gamma * latent), x, self._join(y, latent), t)

    def mirror(self, draw: Draw) -> Draw:
        y, latent = self._split(draw.n)
        at = self.scales(draw.t, draw.z)
        return Draw(self.space.exp(draw.z, -2 * at.gamma * latent), draw.x, self._join(y, -latent), draw.t)

    def inputs(self, z: Tensor, t: Tensor) -> Tensor:
        if self.periodic:
            return z
        at = self.scales(t, z)
        return z / torch.sqrt((at.a**2 + at.b**2) * self.data_std**2 + at.gamma**2)

    def resolve(self, raw: Tensor, z: Tensor, t: Tensor) -> Transport:
        (first, noise), at = self._fields(raw, z), self.scales(t, z)
        drift, mean = self.head.velocities(first, at.d_gamma * noise)
        return Transport(drift, noise, z - at.gamma * noise - trailing(t, z) * mean)

    def loss(self, raw: Tensor, draw: Draw) -> Tensor:
        (first, noise), (y, latent) = self._fields(raw, draw.z), self._split(draw.n)
        at = self.scales(draw.t, draw.z)
        target = self.head.target(at.d_a * draw.x + at.d_b * y, at.d_gamma * latent)
        return (first**2 + noise**2) / 2 - target * first - latent * noise

    def velocity(self, p: Transport, z: Tensor, t: Tensor) -> Tensor:
        return p.velocity

    def score(self, p: Transport, z: Tensor, t: Tensor) -> Tensor:
        if not self.scored:
            raise InputError(f"{self.interpolation} has no latent, so it has no score; its velocity it has")
        return -p.noise / self.noise_std(z, t).clamp(min=_LEAST_NOISE)

    def noise_std(self, z: Tensor, t: Tensor) -> Tensor:
        return self.interpolation.gamma(trailing(t, z))

    def diffusion(self, z: Tensor, t: Tensor) -> Tensor:
        """Two, for an epsilon of one: a solver scales it, for the law is kept by any."""
        return torch.full_like(trailing(t, z), 2)

    def kernel(self, p: Transport, z: Tensor, t: Tensor, s: Tensor) -> Kernel:
        return Delta(self.space.exp(z, trailing(s - t, z) * p.velocity))

    def finish(self, p: Transport, z: Tensor, rng: Streams) -> Tensor:
        return self.embedding.quantize(self.space.project(p.x))

    def expected(self, p: Transport, z: Tensor, t: Tensor) -> Tensor:
        return self.embedding.quantize(self.space.project(p.x))

    def told(self, p: Transport, z: Tensor, t: Tensor, x: Tensor, known: Tensor) -> Transport:
        """What is left of the state is shared among the other end and the latent, as between normal laws."""
        data, at, spread = self.embed(x).to(z), self.scales(t, z), 1.0
        state, origin = z, data
        if isinstance(self.space, Torus):  # seen from the nearest image of the data
            state, origin, spread = self.space.log(data, z), torch.zeros_like(data), self.space.period**2 / 12
        share = (state - at.a * origin) / (spread * at.b**2 + at.gamma**2).clamp(min=_LEAST_NOISE)
        drift = at.d_a * origin + (spread * at.d_b * at.b + at.d_gamma * at.gamma) * share
        where, sure = trailing(known, data), (drift, at.gamma * share, z - state + origin)
        return Transport(*(torch.where(where, a, b) for a, b in zip(sure, (p.velocity, p.noise, p.x), strict=True)))

    def _ends(self, x: Tensor, n: Tensor, rng: Streams) -> tuple[Tensor, Tensor]:
        y, latent = self.interpolation.ends(x, n, rng)
        return y, self.space.tangent(y, latent)

    def _fields(self, raw: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        first, noise = self._split(raw)
        return self.space.tangent(z, first), self.space.tangent(z, noise)

    def _split(self, both: Tensor) -> tuple[Tensor, Tensor]:
        first, second = both.chunk(2, self.axis)
        return first, second

    def _join(self, first: Tensor, second: Tensor) -> Tensor:
        return torch.cat([first, second], self.axis)


def suggest_eps(excess_b: float, excess_s: float) -> float:
    """The :math:`\\varepsilon` of the least bound on the divergence, from the excess losses of drift and score.

    Raises:
        InputError: When one of them is not positive; the bound then has no least value.
    """
    if not (excess_b > 0 and excess_s > 0):
        raise InputError(f"excess losses {excess_b:g} and {excess_s:g}; both must be above zero for a best epsilon")
    return math.sqrt(excess_b / excess_s)
