r"""Classes that jump to a source: :math:`q(z_t | x) = \alpha_t \delta_x + (1 - \alpha_t) \pi`.

The source :math:`\pi` is one extra mask class, the uniform law, or the marginal law of the data. Forgetting is a
Markov chain with :math:`q(z_t | z_s) = r \delta_{z_s} + (1 - r) \pi`, :math:`r = \alpha_t / \alpha_s`, so that the law
of the past is, summed over the predicted classes,

.. math:: p(z_s | z_t) \propto \left(r\,\delta_{z_s z_t} + (1 - r)\,\pi_{z_t}\right)
   \sum_x \frac{p(x)}{q(z_t | x)} \left(\alpha_s \delta_{z_s x} + (1 - \alpha_s) \pi_{z_s}\right).

Discrete flow matching keeps the same marginals with jump rates that it may choose. With
:math:`\dot q = |\alpha'_t| (\delta_x - \pi)` and :math:`Z_x` the number of states with :math:`q > 0`, the rate to one
of them is

.. math:: R(z \to j) = \sum_x p(x) \left[ \frac{\max(0, \dot q_j - \dot q_z)}{Z_x\,q_z} + \eta\,q_j
   + \omega \frac{\delta_{jx}}{Z_x\,q_z} \right]

with stochasticity :math:`\eta` (detailed balance) and target guidance :math:`\omega`.

References:
    | Structured Denoising Diffusion Models in Discrete State-Spaces (Austin et al., 2021), https://arxiv.org/abs/2107.03006
    | Generative Flows on Discrete State-Spaces (Campbell et al., 2024), https://arxiv.org/abs/2402.04997
    | DeFoG: Discrete Flow Matching for Graph Generation (Qin et al., 2025), https://arxiv.org/abs/2410.04263
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import log_softmax, nll_loss, one_hot, pad

from geodrift.errors import InputError
from geodrift.kernel import Categorical as Law
from geodrift.layout import trailing
from geodrift.prediction import Belief
from geodrift.processes.process import Draw, Process
from geodrift.rng import Streams
from geodrift.schedules import Rectified, Schedule
from geodrift.spaces import Categorical


@dataclass(frozen=True)
class Jump(Process):
    """Classes replaced by draws from a source.

    Arguments:
        classes: Number of classes of the data, `K`.
        source: Probabilities of the states at time one; `K` of them, or `K + 1` when a mask is the last state.
        schedule: Its :math:`\\alpha` is the share of classes not yet replaced.
        elbo: Weight the cross-entropy by :math:`|\\alpha'| / (1 - \\alpha)`, which bounds the likelihood of a masked
            process, instead of weighting all times alike.
    """

    classes: int
    source: tuple[float, ...]
    schedule: Schedule = field(default_factory=Rectified)
    elbo: bool = False

    def __post_init__(self) -> None:
        if self.elbo and self.states == self.classes:
            raise InputError("elbo: the bound is that of a masked source; set it to false for another source")

    @property
    def categorical(self) -> bool:
        return True

    @classmethod
    def masked(cls, classes: int, **options: object) -> Jump:
        """Classes that are masked one by one."""
        return cls(classes, (0.0,) * classes + (1.0,), **options)  # type: ignore[arg-type]

    @classmethod
    def uniform(cls, classes: int, **options: object) -> Jump:
        """Classes replaced by any class."""
        return cls(classes, (1 / classes,) * classes, **options)  # type: ignore[arg-type]

    @property
    def states(self) -> int:
        """Number of states a class may be in on the way, with the mask."""
        return len(self.source)

    @property
    def channels(self) -> tuple[int, int]:
        return self.states, self.classes

    @property
    def space(self) -> Categorical:  # type: ignore[override]
        return Categorical(self.states)

    def _pi(self, like: Tensor) -> Tensor:
        return torch.tensor(self.source, dtype=like.dtype, device=like.device)

    def _hot(self, z: Tensor) -> Tensor:
        return one_hot(z, self.states).to(torch.get_default_dtype())

    def prior(self, like: Tensor, rng: Streams, t: Any = 1.0) -> Tensor:
        pi = self._pi(torch.zeros((), device=like.device))
        return rng.categorical(pi.expand(like.shape + pi.shape))

    def corrupt(self, x: Tensor, t: Tensor, rng: Streams, n: Any = None) -> Draw:
        forgotten = rng.uniform(x) >= self.schedule.alpha(trailing(t, x))
        return Draw(torch.where(forgotten, self.prior(x, rng), x), x, x, t)

    def inputs(self, z: Tensor, t: Tensor) -> Tensor:
        return self._hot(z)

    def resolve(self, raw: Tensor, z: Tensor, t: Tensor) -> Belief:
        reachable = self._pi(raw)[z] > 0
        known = torch.log(self._hot(z)[..., : self.classes])
        return Belief(torch.where(reachable[..., None], log_softmax(raw, -1), known.to(raw)))

    def loss(self, raw: Tensor, draw: Draw) -> Tensor:
        log_probs = self.resolve(raw, draw.z, draw.t).log_probs
        entropy = nll_loss(log_probs.flatten(0, -2), draw.x.flatten(), reduction="none").view_as(draw.x)
        if not self.elbo:
            return entropy
        at = self.schedule(trailing(draw.t, draw.x).double())
        return entropy * (-at.d_alpha / (1 - at.alpha).clamp(min=1e-12)).to(entropy)

    def kernel(self, p: Belief, z: Tensor, t: Tensor, s: Tensor) -> Law:
        probs, pi, hot = p.probs, self._pi(p.log_probs), self._hot(z).to(p.log_probs)
        alpha_t, alpha_s = (self.schedule.alpha(trailing(u, hot)).to(probs) for u in (t, s))
        ratio, here = alpha_t / alpha_s, pi[z][..., None]
        odds = probs / (alpha_t * hot[..., : self.classes] + (1 - alpha_t) * here).clamp(min=1e-30)
        odds = pad(odds, (0, self.states - self.classes))
        past = alpha_s * odds + (1 - alpha_s) * pi * odds.sum(-1, keepdim=True)
        law = (ratio * hot + (1 - ratio) * here) * past
        return Law(law / law.sum(-1, keepdim=True))

    def rate(self, p: Belief, z: Tensor, t: Tensor, eta: float = 0.0, omega: float = 0.0) -> Tensor:
        """Rates of the jumps from `z` to every state, towards the data, `(..., S)`; zero for staying."""
        hot = self._hot(z).to(p.log_probs)
        eye, pi = torch.eye(self.classes, self.states).to(hot), self._pi(hot)
        at = self.schedule(trailing(t, hot[..., None]))
        q, change = (at.alpha * eye + (1 - at.alpha) * pi).to(hot), (-at.d_alpha * (eye - pi)).to(hot)
        here, drift = ((v * hot[..., None, :]).sum(-1) for v in (q, change))
        possible = (eye + pi > 0).to(hot)
        inflow = possible * torch.relu(change - drift[..., None]) + omega * eye
        rates = inflow / (possible.sum(-1) * here).clamp(min=1e-30)[..., None] + eta * q
        return torch.einsum("...k,...ks->...s", p.probs, rates) * (1 - hot)

    def finish(self, p: Belief, z: Tensor, rng: Streams) -> Tensor:
        return rng.categorical(p.probs)

    def expected(self, p: Belief, z: Tensor, t: Tensor) -> Tensor:
        return p.log_probs.argmax(-1)

    def told(self, p: Belief, z: Tensor, t: Tensor, x: Tensor, known: Tensor) -> Belief:
        return p.told(x, known)

    def velocity(self, p: Belief, z: Tensor, t: Tensor) -> Tensor:
        return torch.zeros((), device=z.device)

    def jump(self, p: Belief, z: Tensor, t: Tensor, s: Tensor, rng: Streams) -> Tensor:
        return self.kernel(p, z, t, s).sample(rng)
