r"""A bound of the likelihood from below, for processes of every kind.

The evidence bound of the chain that samples, from the source at one to a first time :math:`t_0` and by decoding from
there to the data:

.. math:: -\log p(x) \le \mathrm{KL}(q(z_1 | x) \| \pi)
   + \sum_k \mathbb{E}\,\mathrm{KL}(q(z_s | z_t, x) \| p(z_s | z_t)) - \mathbb{E} \log p(x | z_{t_0}).

The sum runs over the steps of a chain with the process's own kernels, or, in the limit of short steps, is an integral
of the rates of `geodrift.likelihood.rates`. Either is estimated at random times: one pair of draws in each of some
equal strata of the path, which leaves the estimate unbiased and whose differences give its standard error.

References:
    | Deep Unsupervised Learning using Nonequilibrium Thermodynamics (Sohl-Dickstein et al., 2015), https://arxiv.org/abs/1503.03585
    | Variational Diffusion Models (Kingma et al., 2021), https://arxiv.org/abs/2107.00630
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from geodrift.denoiser import Conditions, Denoise, samples
from geodrift.kernel import Kernel
from geodrift.layout import Dense
from geodrift.likelihood.estimate import Likelihood, LogLikelihood, dims, entities, noises, total
from geodrift.likelihood.pace import Pace
from geodrift.likelihood.rates import decoding, gap, rate, truth
from geodrift.processes import Draw, Given, Process, Product
from geodrift.rng import Streams
from geodrift.state import State

Cost = Callable[[Process, Any, Draw, Any], Tensor]
"""What a leaf pays, elementwise: process, prediction, what was drawn, the next time."""


class Interval(NamedTuple):
    """A draw of a place on the path: times `t` and `s < t`, `(B,)`, and how much of the path each stands for."""

    t: Tensor
    s: Tensor
    weight: Tensor


class Chain(ABC):
    """What the bound is a sum over."""

    @abstractmethod
    def interval(self, pace: Pace, u: Tensor) -> Interval:
        """The place at the shares `u`, `(B,)`, of the path."""

    @abstractmethod
    def cost(self, part: Process, p: Any, draw: Draw, s: Tensor, rng: Streams) -> Tensor:
        """The divergence of a step, or its rate, elementwise."""


@dataclass(frozen=True)
class Continuous(Chain):
    """Infinitely many steps, by the rates of the processes."""

    def interval(self, pace: Pace, u: Tensor) -> Interval:
        t, slope = pace.place(u)
        return Interval(t, t, slope)

    def cost(self, part: Process, p: Any, draw: Draw, s: Tensor, rng: Streams) -> Tensor:
        return rate(part, p, draw)


@dataclass(frozen=True)
class Steps(Chain):
    """A chain of this many steps, by the kernels of the processes; any kernel will do.

    Arguments:
        steps: Steps from one to the first time.
    """

    steps: int = 1000

    def interval(self, pace: Pace, u: Tensor) -> Interval:
        grid, k = pace.grid(self.steps).to(u.device), (u * self.steps).long().clamp(max=self.steps - 1)
        return Interval(grid[k + 1], grid[k], torch.full_like(u, self.steps))

    def cost(self, part: Process, p: Any, draw: Draw, s: Tensor, rng: Streams) -> Tensor:
        real, modelled = (part.kernel(told, draw.z, draw.t, s) for told in (truth(part, draw), p))
        return _divergence(real, modelled, rng)


def _divergence(real: Kernel, modelled: Kernel, rng: Streams) -> Tensor:
    """The divergence of two laws, or, where it has no closed form, an unbiased draw of it."""
    try:
        found: Tensor = real.kl(modelled)
    except TypeError:
        z = real.sample(rng)
        found = real.log_prob(z) - modelled.log_prob(z)
    return found


@dataclass(frozen=True)
class Bound(Likelihood):
    """The bound, estimated.

    Arguments:
        chain: What it is a sum over.
        strata: Parts of the path, in each of which the prediction is asked for twice.
        ends: Draws of the state at the first time, from which data are decoded; two at least.
        first: That time.
    """

    chain: Chain = Continuous()
    strata: int = 16
    ends: int = 4
    first: float = 1e-4

    @torch.no_grad()
    def __call__(self, denoise: Denoise, x: Any, rng: Streams, cond: Conditions | None = None) -> LogLikelihood:
        """The bound for each sample; raises `InputError` where a process has none."""
        process = denoise.process
        x = process.enter(x.check() if isinstance(x, State) else x, cond or {})
        pays = _Payment(denoise, x, rng, cond)
        pairs = self._pairs(pays, Pace.of(process, self.first, self.first))
        t0 = torch.full((samples(x),), self.first, dtype=torch.float64, device=x.device)
        last = torch.stack([pays(t0, t0, lambda part, p, draw, s: decoding(part, p, draw)) for _ in range(self.ends)])
        start = pays.start(lambda part, p, draw, s: gap(part, draw))
        variance = torch.square(pairs[0] - pairs[1]).sum(0) / 4 / self.strata**2 + last.var(0) / self.ends
        counted, kind = entities(x)
        moving = {name: v for name, v in _named(x).items() if not isinstance(process.leaves[name], Given)}
        nats = -(start + pairs.mean((0, 1)) + last.mean(0))
        noise = noises(process.leaves, t0[0])
        return LogLikelihood(nats, variance.sqrt(), False, dims(moving, x), counted, kind, noise)

    def _pairs(self, pays: _Payment, pace: Pace) -> Tensor:
        """Draws of the sum, two in each stratum, `(2, strata, B)`."""
        count, device = samples(pays.x), pays.x.device
        found = []
        for stratum in [k for k in range(self.strata) for _ in range(2)]:
            u = (stratum + pays.rng.uniform(torch.empty(count, device=device))) / self.strata
            at = self.chain.interval(pace, u)
            cost = pays(at.t, at.s, lambda part, p, draw, s: self.chain.cost(part, p, draw, s, pays.rng.shared()))
            found.append(at.weight * cost)
        return torch.stack(found).reshape(self.strata, 2, -1).transpose(0, 1)


def _named(x: Any) -> State:
    return x if isinstance(x, State) else State({"": x})


@dataclass(frozen=True, eq=False)
class _Payment:
    """What samples pay at a time, all their fields together, by one prediction."""

    denoise: Denoise
    x: Any
    rng: Streams
    cond: Conditions | None

    def __call__(self, t: Tensor, s: Tensor, cost: Cost) -> Tensor:
        """The cost of each sample, `(B,)`, at times `(B,)`."""
        now, then = (u.to(torch.get_default_dtype()) for u in (t, s))
        draw = self.denoise.process.corrupt(self.x, now, self.rng)
        return self._sum(self.denoise(draw.z, now, self.cond), draw, then, cost)

    def start(self, cost: Cost) -> Tensor:
        """The cost at the source, where nothing is predicted."""
        one = torch.ones(samples(self.x), device=self.x.device)
        return self._sum(None, self.denoise.process.corrupt(self.x, one, self.rng), one, cost)

    def _sum(self, p: Any, draw: Draw, s: Tensor, cost: Cost) -> Tensor:
        process = self.denoise.process
        if not isinstance(process, Product):
            return total({"": Dense().mask(cost(process, p, draw, s))}, self.x)
        then = process.times(s, self.x)
        return total(
            {name: cost(part, p and p[name], _of(draw, name), then[name]) for name, part in process.parts.items()},
            self.x,
        )


def _of(draw: Draw, name: str) -> Draw:
    return Draw(draw.z[name], draw.x[name], draw.n[name], draw.t[name])
