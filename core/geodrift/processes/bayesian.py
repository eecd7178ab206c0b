r"""Bayesian flow: evidence about the data adds.

In natural coordinates all families are one law. Evidence of accuracy :math:`\rho` about data embedded as :math:`e(x)`
and more evidence, up to :math:`\rho'`, are

.. math:: h = \rho\,e(x) + \sqrt\rho\,\varepsilon, \qquad
   h' = h + (\rho' - \rho)\,e(x) + \sqrt{\rho' - \rho}\,\varepsilon':

nothing at :math:`t = 1`, and the belief of the receiver is conjugate to it. The state is kept as
:math:`z = h / \sqrt\rho = \sqrt\rho\,e(x) + \varepsilon`, an affine path with signal :math:`\sqrt\rho` and unit noise:
:math:`h` itself is zero at the source, where no ODE could tell one sample from another, while :math:`z` is normal
there. A step draws a point from the predicted law and adds its evidence, which is exact for an exact law and any
number of steps; with the mean vector :math:`\hat e` in its place it is the Euler step of
:math:`dh = \hat e\,d\rho + dW`, and without fresh noise (:math:`\eta = 0`) the exponential step of the flow,
:math:`z' = z + (\sqrt{\rho'} - \sqrt\rho)\,\hat e`. The loss is the continuous-time bound
:math:`\tfrac12 |\rho'_t|\,|e(x) - \hat e|^2` in nats, or the cross-entropy of a law on points of a continuous space,
which its mean does not determine.

References:
    | Bayesian Flow Networks (Graves et al., 2023), https://arxiv.org/abs/2308.07037
    | A Periodic Bayesian Flow for Material Generation (Wu et al., 2025), https://arxiv.org/abs/2502.02016
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from geodrift.errors import InputError
from geodrift.kernel import Evidence, Gaussian, Kernel, take
from geodrift.layout import trailing
from geodrift.prediction import Belief, Estimate, Located
from geodrift.processes.accuracy import Accuracy
from geodrift.processes.families import Family
from geodrift.processes.process import Draw, Scored
from geodrift.rng import Streams
from geodrift.schedules import Coefficients, Schedule
from geodrift.spaces import Euclidean


@dataclass(frozen=True)
class Accumulation(Schedule):
    """The path of a Bayesian flow: signal :math:`\\sqrt\\rho`, unit noise.

    Arguments:
        accuracy: The evidence received until a time.
        unit: The accuracy of one unit of it.
    """

    accuracy: Accuracy
    unit: float = 1.0

    def alpha(self, t: Tensor) -> Tensor:
        return math.sqrt(self.unit) * self.accuracy.root(t)

    def sigma(self, t: Tensor) -> Tensor:
        return torch.ones_like(t)


@dataclass(frozen=True)
class Bayesian(Scored):
    """Evidence about the data that grows towards them.

    Arguments:
        family: What is observed, and what a network says about it.
        accuracy: The evidence received until a time.
    """

    family: Family
    accuracy: Accuracy
    space: Euclidean = field(default_factory=Euclidean)
    noised = True
    linear = True

    def __post_init__(self) -> None:
        self.family.admit(self.schedule(torch.ones((), dtype=torch.float64)))

    @property
    def schedule(self) -> Accumulation:  # type: ignore[override]
        """The affine path of the states."""
        return Accumulation(self.accuracy, self.family.unit)

    @property
    def clock(self) -> Schedule:
        return self.schedule

    @property
    def categorical(self) -> bool:
        return self.family.categorical

    @property
    def channels(self) -> tuple[int, int]:
        return self.family.channels

    def at(self, t: Tensor, z: Tensor) -> Coefficients:
        """Coefficients that broadcast against `z`."""
        return self.schedule(trailing(t, z))

    def rho(self, t: Tensor) -> Tensor:
        """The accuracy of all evidence received until time `t`."""
        return self.family.unit * self.accuracy.rho(t)

    def steady(self, times: Tensor) -> None:
        if not bool(torch.isfinite(self.schedule(times).d_alpha).all()):
            raise InputError(
                f"the velocity of a Bayesian flow is infinite at the source for {self.accuracy}; "
                "use ancestral (eta = 0 follows the flow), a dpm++ solver or the quadratic accuracy"
            )

    def prior(self, like: Tensor, rng: Streams, t: Any = 1.0) -> Tensor:
        return self.partner(like, rng)

    def start(self, n: Tensor, rng: Streams, t: Any = 1.0) -> Tensor:
        return n

    def partner(self, x: Tensor, rng: Streams) -> Tensor:
        return rng.normal(self.family.embedding.embed(x))

    def corrupt(self, x: Tensor, t: Tensor, rng: Streams, n: Tensor | None = None) -> Draw:
        n = self.partner(x, rng) if n is None else n
        x = self.family.embedding.embed(x)
        return Draw(self.at(t, x).alpha * x + n, x, n, t)

    def mirror(self, draw: Draw) -> Draw:
        return Draw(draw.z - 2 * draw.n, draw.x, -draw.n, draw.t)

    def inputs(self, z: Tensor, t: Tensor) -> Tensor:
        return self.family.inputs(z, self.at(t, z))

    def resolve(self, raw: Tensor, z: Tensor, t: Tensor) -> Estimate | Belief:
        return self.family.resolve(raw, z, self.at(t, z))

    def points(self, p: Belief) -> Tensor:
        """The points that a belief is about, `(K, D)` or `(..., K, D)`."""
        return p.points if isinstance(p, Located) else self.family.embedding.points.to(p.log_probs)

    def mean(self, p: Estimate | Belief) -> Tensor:
        """The expected vector of the data, :math:`\\hat e`, of an `Estimate` or a `Belief`."""
        if isinstance(p, Estimate):
            return p.x
        return torch.einsum("...k,...kd->...d", p.probs, self.points(p))

    def estimate(self, p: Estimate | Belief, z: Tensor, t: Tensor) -> Estimate:
        if isinstance(p, Estimate):
            return p
        return self._at(self.mean(p), z, t)

    def loss(self, raw: Tensor, draw: Draw) -> Tensor:
        p = self.resolve(raw, draw.z, draw.t)
        if isinstance(p, Located):
            return p.surprise(draw.x)
        error = self.family.length(draw.x - self.mean(p))
        return self.family.unit / 2 * self.accuracy.rate(trailing(draw.t, error)) * error

    def velocity(self, p: Estimate | Belief, z: Tensor, t: Tensor) -> Tensor:
        return self.at(t, z).d_alpha * self.mean(p)

    def score(self, p: Estimate | Belief, z: Tensor, t: Tensor) -> Tensor:
        return self.at(t, z).alpha * self.mean(p) - z

    def noise_std(self, z: Tensor, t: Tensor) -> Tensor:
        return self.at(t, z).sigma

    def diffusion(self, z: Tensor, t: Tensor) -> Tensor:
        return self.at(t, z).diffusion

    def kernel(self, p: Estimate | Belief, z: Tensor, t: Tensor, s: Tensor, eta: float = 1.0) -> Kernel:
        now, then = self.at(t, z).alpha, self.at(s, z).alpha
        kept = now / then
        fresh = eta**2 * (1 - torch.square(kept))
        if isinstance(p, Belief) and eta == 1:
            return Evidence(kept * z, self.points(p), p.probs, then - kept * now, torch.sqrt(fresh))
        mean = self.mean(p)
        return Gaussian(then * mean + torch.sqrt(1 - fresh) * (z - now * mean), torch.sqrt(fresh))

    def reverse_linear(self, z: Tensor, t: Tensor, s: Tensor) -> Gaussian:
        grow = self.at(s, z).alpha / self.at(t, z).alpha
        return Gaussian(grow * z, torch.sqrt((torch.square(grow) - 1).clamp(min=0)))

    def finish(self, p: Estimate | Belief, z: Tensor, rng: Streams) -> Tensor:
        if isinstance(p, Belief):
            return self.family.embedding.quantize(take(self.points(p), rng.categorical(p.probs)))
        return self.family.embedding.quantize(self.mean(p))

    def expected(self, p: Estimate | Belief, z: Tensor, t: Tensor) -> Tensor:
        return self.family.embedding.quantize(self.mean(p))

    def told(self, p: Estimate | Belief, z: Tensor, t: Tensor, x: Tensor, known: Tensor) -> Estimate | Belief:
        data = self.family.embedding.embed(x).to(z)
        if isinstance(p, Located):
            where = trailing(known, p.points)
            return replace(p, points=torch.where(where, data[..., None, :], p.points))
        if isinstance(p, Belief):
            return p.told(x, known)
        return self._at(torch.where(trailing(known, data), data, p.x), z, t)

    def placed(self, p: Estimate | Belief, z: Tensor, t: Tensor, x: Tensor) -> Estimate | Belief:
        if isinstance(p, Belief) and not isinstance(p, Located):
            return p.told(x, torch.ones_like(x, dtype=torch.bool))
        return self._at(self.family.embedding.moved(self.mean(p), x), z, t)

    def _at(self, mean: Tensor, z: Tensor, t: Tensor) -> Estimate:
        return Estimate(mean, z - self.at(t, z).alpha * mean)
