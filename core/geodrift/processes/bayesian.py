r"""Bayesian flow of classes: evidence adds.

The state is the accumulated evidence for each class in natural coordinates,

.. math:: z_t = \beta_t (K e_x - 1) + \sqrt{\beta_t K}\,\varepsilon, \qquad \beta_t = \beta_1 (1 - t)^2,

nothing at :math:`t = 1` and accuracy :math:`\beta_1` at the data. The belief of the receiver, which the network sees,
is :math:`\mathrm{softmax}(z)`. A step adds the evidence of a class drawn from the network's prediction. The loss is
the continuous-time bound :math:`K \beta_1 (1 - t) |e_x - \hat e|^2`. In the coordinates :math:`z / (K \beta_t)` it is
an affine process on one-hot vectors, with :math:`\sigma / \alpha = (K \beta_t)^{-1/2}`.

References:
    | Bayesian Flow Networks (Graves et al., 2023), section 6, https://arxiv.org/abs/2308.07037
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import log_softmax, one_hot

from geodrift.kernel import Evidence
from geodrift.layout import trailing
from geodrift.prediction import Belief
from geodrift.processes.process import Draw, Process
from geodrift.rng import Streams
from geodrift.spaces import Euclidean


@dataclass(frozen=True)
class BayesianCategorical(Process):
    """Evidence about classes that grows towards the data.

    Arguments:
        classes: Number of classes, `K`.
        accuracy: Total accuracy at the data, :math:`\\beta_1`.
    """

    classes: int
    accuracy: float = 3.0
    space: Euclidean = field(default_factory=Euclidean)

    @property
    def categorical(self) -> bool:
        return True

    @property
    def channels(self) -> tuple[int, int]:
        return self.classes, self.classes

    def beta(self, t: Tensor) -> Tensor:
        """The accuracy of all the evidence received until time `t`."""
        return self.accuracy * torch.square(1 - t)

    def prior(self, like: Tensor, rng: Streams, t: Any = 1.0) -> Tensor:
        return torch.zeros(*like.shape, self.classes, device=like.device)

    def corrupt(self, x: Tensor, t: Tensor, rng: Streams, n: Any = None) -> Draw:
        hot = one_hot(x, self.classes).to(torch.get_default_dtype())
        beta = self.beta(trailing(t, hot))
        noise = rng.normal(hot)
        z = beta * (self.classes * hot - 1) + torch.sqrt(beta * self.classes) * noise
        return Draw(z.to(hot), hot, noise, t)

    def inputs(self, z: Tensor, t: Tensor) -> Tensor:
        return torch.softmax(z, -1)

    def resolve(self, raw: Tensor, z: Tensor, t: Tensor) -> Belief:
        return Belief(log_softmax(raw, -1))

    def loss(self, raw: Tensor, draw: Draw) -> Tensor:
        error = torch.square(draw.x - torch.softmax(raw, -1))
        weight: Tensor = self.classes * self.accuracy * (1 - trailing(draw.t, error[..., 0]))
        return weight * error.sum(-1)

    def kernel(self, p: Belief, z: Tensor, t: Tensor, s: Tensor) -> Evidence:
        return Evidence(z, p.probs, (self.beta(trailing(s, z)) - self.beta(trailing(t, z))).to(z))

    def velocity(self, p: Belief, z: Tensor, t: Tensor) -> Tensor:
        return torch.zeros((), device=z.device)

    def jump(self, p: Belief, z: Tensor, t: Tensor, s: Tensor, rng: Streams) -> Tensor:
        return self.kernel(p, z, t, s).sample(rng)

    def finish(self, p: Belief, z: Tensor, rng: Streams) -> Tensor:
        return rng.categorical(p.probs)
