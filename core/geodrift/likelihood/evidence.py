r"""What evidence costs in a bound of the likelihood, in nats.

A Bayesian flow sends :math:`\tfrac12 |\rho'_t|\,|e(x) - \hat e|^2` nats per unit time, and begins without evidence, so
that nothing is lost at the source. At the first time the data are decoded from the belief that the evidence alone
leaves of a real number (normal) or of an angle (von Mises), or from the prediction of a class.

References:
    | Bayesian Flow Networks (Graves et al., 2023), https://arxiv.org/abs/2308.07037
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from geodrift.layout import trailing
from geodrift.likelihood.rates import decoding, gap, rate, truth
from geodrift.processes import Bayesian, Belief, Draw, Estimate
from geodrift.processes.families import Categorical
from geodrift.processes.periodic import Periodic, polar


@rate.register
def _(part: Bayesian, p: Any, draw: Draw) -> Tensor:
    error = part.family.length(draw.x - part.mean(p))
    return part.family.unit / 2 * part.accuracy.rate(trailing(draw.t, error)) * error


@gap.register
def _(part: Bayesian, draw: Draw) -> Tensor:
    return torch.zeros_like(part.family.length(draw.x))


@truth.register
def _(part: Bayesian, draw: Draw) -> Any:
    if isinstance(part.family, Categorical):
        return Belief(torch.log(one_hot(draw.x.argmax(-1), part.family.classes).double()))
    return Estimate(draw.x, draw.n)


@decoding.register
def _(part: Bayesian, p: Any, draw: Draw) -> Tensor:
    family, alpha = part.family, part.at(draw.t, draw.z).alpha
    if isinstance(family, Categorical):
        chosen: Tensor = p.log_probs.double().gather(-1, draw.x.argmax(-1, keepdim=True))
        return -chosen[..., 0]
    if isinstance(family, Periodic):
        return _angle(alpha * draw.z, draw.x) + math.log(family.period / (2 * math.pi))
    return (math.log(2 * math.pi) / 2 - torch.log(alpha) + torch.square(draw.n) / 2).expand_as(draw.z)


def _angle(evidence: Tensor, x: Tensor) -> Tensor:
    """Minus the log-density of angles, as points `(..., 2)` of the circle, under the belief of the evidence."""
    direction, c = polar(evidence)
    return torch.log(2 * math.pi * torch.special.i0e(c)) + c * (1 - (direction * x).sum(-1))
