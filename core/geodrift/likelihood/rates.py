r"""What a step of a process costs in a bound of the likelihood, in nats.

The chain that samples is compared with the one that knows the data :math:`x`. In continuous time the divergence of the
two grows at a rate:

* noise on real data, :math:`\frac{1}{2} \left| \frac{d}{dt} \frac{\alpha^2}{\sigma^2} \right| |x - \hat x|^2`;
* jumps, :math:`\sum_{j \neq z} r_j^x \log (r_j^x / r_j) - r_j^x + r_j`, with the rate of the jump from :math:`z` back
  to :math:`j`, :math:`r_j = \frac{|\alpha'|}{\alpha} \pi_z \sum_x p(x) q(j | x) / q(z | x)`, and :math:`r_j^x` the same
  for known data; with a mask it is the cross-entropy times :math:`|\alpha'| / (1 - \alpha)`;
* evidence, see `geodrift.likelihood.evidence`.

At the source the two may start apart, and at the first time the data are decoded from the state: real data as normal
around it, classes from the prediction. A process of another kind joins by registering the four functions.

References:
    | Variational Diffusion Models (Kingma et al., 2021), https://arxiv.org/abs/2107.00630
    | A Continuous Time Framework for Discrete Denoising Models (Campbell et al., 2022), https://arxiv.org/abs/2205.14987
    | Simplified and Generalized Masked Diffusion for Discrete Data (Shi et al., 2024), https://arxiv.org/abs/2406.04329
"""

from __future__ import annotations

import math
from functools import singledispatch
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from geodrift.errors import InputError
from geodrift.kernel import Gaussian
from geodrift.layout import trailing
from geodrift.processes import Affine, Belief, Draw, Estimate, Given, Jump, Process

_NEVER = 1e-9  # a share of classes that is rounding


def _unknown(part: Process) -> InputError:
    return InputError(f"{type(part).__name__} has no bound of the likelihood; its rates are not registered")


@singledispatch
def rate(part: Process, p: Any, draw: Draw) -> Tensor:
    """The growth of the divergence per unit time at the state that was drawn, given the prediction, elementwise."""
    raise _unknown(part)


@singledispatch
def decoding(part: Process, p: Any, draw: Draw) -> Tensor:
    """Minus the log-likelihood of the data given the state that was drawn at the first time, elementwise."""
    raise _unknown(part)


@singledispatch
def gap(part: Process, draw: Draw) -> Tensor:
    """The divergence of the law of the state from that of the source, at the last time, elementwise."""
    raise _unknown(part)


@singledispatch
def truth(part: Process, draw: Draw) -> Any:
    """The prediction of who knows the data."""
    raise _unknown(part)


@rate.register
def _(part: Affine, p: Estimate, draw: Draw) -> Tensor:
    at = part.at(draw.t, draw.z)
    speed = torch.square(at.alpha / at.sigma) * (at.d_sigma / at.sigma - at.d_alpha / at.alpha)
    return speed * torch.square(draw.x - p.x)


@decoding.register
def _(part: Affine, p: Estimate, draw: Draw) -> Tensor:
    at = part.at(draw.t, draw.z)
    return (torch.log(at.sigma / at.alpha) + math.log(2 * math.pi) / 2 + torch.square(draw.n) / 2).expand_as(draw.z)


@gap.register
def _(part: Affine, draw: Draw) -> Tensor:
    if not part.scored:
        raise InputError(f"{part.source} is not normal, so there is no bound of the likelihood; ask for the exact one")
    at = part.at(draw.t, draw.x)
    return Gaussian(at.alpha * draw.x, at.sigma).kl(Gaussian(torch.zeros_like(draw.x), at.sigma))


@truth.register
def _(part: Affine, draw: Draw) -> Estimate:
    return Estimate(draw.x, draw.n)


@rate.register
def _(part: Jump, p: Belief, draw: Draw) -> Tensor:
    real, modelled = (_back(part, belief, draw) for belief in (truth(part, draw), p))
    cost = torch.xlogy(real, real) - torch.xlogy(real, modelled) - real + modelled
    return cost.sum(-1)


def _back(part: Jump, p: Belief, draw: Draw) -> Tensor:
    """Rates of the jumps from the state to every other, towards the data, `(..., S)`."""
    probs = p.probs.double()
    at, hot = part.schedule(trailing(draw.t, probs).double()), one_hot(draw.z, part.states).double()
    pi = torch.tensor(part.source, dtype=torch.float64, device=probs.device)
    here = pi[draw.z][..., None]
    odds = probs / (at.alpha * hot[..., : part.classes] + (1 - at.alpha) * here).clamp(min=1e-30)
    wide = torch.nn.functional.pad(odds, (0, part.states - part.classes))
    past = at.alpha * wide + (1 - at.alpha) * pi * odds.sum(-1, keepdim=True)
    return -at.d_alpha / at.alpha * here * past * (1 - hot)


@gap.register
def _(part: Jump, draw: Draw) -> Tensor:
    kept = part.schedule.alpha(trailing(draw.t, draw.x).double()).expand(draw.x.shape)
    if part.states > part.classes:
        if bool((kept > _NEVER).any()):
            raise InputError(f"{part.schedule} leaves classes unmasked at the source, so the bound is infinite")
        return torch.zeros_like(kept)
    pi = torch.tensor(part.source, dtype=torch.float64, device=draw.x.device)
    own = kept + (1 - kept) * pi[draw.x]
    return torch.xlogy(own, own / pi[draw.x]) + (1 - kept) * (1 - pi[draw.x]) * torch.log1p(-kept)


@decoding.register
def _(part: Jump, p: Belief, draw: Draw) -> Tensor:
    return -p.log_probs.double().gather(-1, draw.x[..., None])[..., 0]


@truth.register
def _(part: Jump, draw: Draw) -> Belief:
    return Belief(torch.log(one_hot(draw.x, part.classes).double()))


@rate.register
@decoding.register
def _(part: Given, p: Any, draw: Draw) -> Tensor:
    return torch.zeros(draw.x.shape, device=draw.x.device)


@gap.register
def _(part: Given, draw: Draw) -> Tensor:
    return torch.zeros(draw.x.shape, device=draw.x.device)


@truth.register
def _(part: Given, draw: Draw) -> Any:
    return part.resolve(draw.z, draw.z, draw.t)
