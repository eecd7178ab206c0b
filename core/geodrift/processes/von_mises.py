r"""The published periodic Bayesian flow, in a fixed number of steps, beside the closed form of `periodic`.

Senders :math:`y_i \sim \mathrm{vM}(x, a_i)` are von Mises and their vectors add up:
:math:`h_i = h_{i-1} + a_i (\cos y_i, \sin y_i)`, with the belief :math:`\mathrm{vM}(\arg h, |h|)`. The state after
:math:`i` of :math:`n` steps is the sum of the first :math:`i` of :math:`n` drawn senders. The network answers an angle,
added to the belief's, and the loss is :math:`n\,\mathrm{KL} = n a_i A(a_i) (1 - \cos(x - \hat x))`. A step sends from
the predicted angle, which is biased towards likely angles at any number of steps, or, where the prediction is a law,
from an angle drawn from it, which is exact. A model serves the one number of steps that it was trained for.

References:
    | A Periodic Bayesian Flow for Material Generation (Wu et al., 2025), https://arxiv.org/abs/2502.02016
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from geodrift.embeddings import Circle
from geodrift.errors import InputError
from geodrift.kernel import Kernel, take
from geodrift.layout import trailing
from geodrift.prediction import Estimate, Located
from geodrift.processes.periodic import on_circle, polar, seen, turn
from geodrift.processes.process import Draw, Process
from geodrift.processes.senders import table
from geodrift.registry import Count, Positive
from geodrift.rng import Streams
from geodrift.spaces import Euclidean
from geodrift.von_mises import VonMises, resultant

_GRAIN = 1e-9  # evidence that is none, but gives a network a direction where there is no other, uniform


def _angle(v: Tensor) -> Tensor:
    return torch.atan2(v[..., 1], v[..., 0])


@dataclass(frozen=True, eq=False)
class Sender(Kernel):
    """A von Mises observation of a point drawn from a law, added to the evidence.

    Arguments:
        z: The evidence, `(..., 2)`.
        points: Points of the circle, `(K, 2)` or `(..., K, 2)`.
        probs: Their probabilities, `(..., K)`.
        accuracy: The concentration of the observation, and the length that it adds; a scalar or `(..., 1)`.
    """

    z: Tensor
    points: Tensor
    probs: Tensor
    accuracy: Tensor

    def _from(self, point: Tensor) -> VonMises:
        accuracy = self.accuracy if self.accuracy.ndim == 0 else self.accuracy[..., 0]
        return VonMises(_angle(point), accuracy)

    def sample(self, rng: Streams) -> Tensor:
        point = take(self.points, rng.categorical(self.probs))
        return self.z + self.accuracy * on_circle(self._from(point).sample(rng))

    def log_prob(self, z: Tensor) -> Tensor:
        """Log-density of the angle of the observation, in radians, `(..., 2)` to `(...)`."""
        y = _angle(z - self.z)[..., None]
        accuracy = self.accuracy.expand_as(self.z)[..., :1]
        each = VonMises(_angle(self.points), accuracy).log_prob(y)
        return torch.logsumexp(torch.log(self.probs) + each, -1)

    def kl(self, other: Sender) -> Tensor:
        raise TypeError("the divergence of von Mises mixtures has no closed form; that of single ones is VonMises.kl")

    @property
    def mode(self) -> Tensor:
        return self.z + self.accuracy * take(self.points, self.probs.argmax(-1))


@dataclass(frozen=True)
class VonMisesFlow(Process):
    """Numbers `(...)` in `[0, period)`, observed in `steps` von Mises steps; states are evidence `(..., 2)`.

    Arguments:
        steps: The number of steps, in training and in sampling.
        total: The concentration that the accuracies aim at.
        period: Length of the circle in units of the data.
    """

    steps: Count = 100
    total: Positive = 1000.0
    period: Positive = 1.0
    space: Euclidean = field(default_factory=Euclidean)

    @property
    def embedding(self) -> Circle:
        return Circle(self.period)

    @property
    def channels(self) -> tuple[int, int]:
        return 3, 1

    def admit(self, times: Tensor) -> None:
        if times.ndim == 0:
            return  # the latest time of training, which is always one of a step
        places = (1 - times) * self.steps
        if len(times) != self.steps or bool((places - places.round()).abs().max() > 1e-6):
            raise InputError(
                f"a flow of {self.steps} von Mises steps has no other times; sample it in {self.steps} equal steps"
            )

    def accuracies(self, like: Tensor) -> Tensor:
        """The concentrations of the senders, `(steps,)`, on the device and in the type of a tensor."""
        return torch.as_tensor(table(self.steps, self.total), device=like.device).to(like)

    def received(self, t: Tensor) -> Tensor:
        """The number of observations that a state at time `t` holds."""
        return ((1 - t) * self.steps + 1e-4).floor().clamp(max=self.steps - 1).long()

    def _grain(self, like: Tensor, rng: Streams) -> Tensor:
        return _GRAIN * on_circle(2 * math.pi * rng.uniform(like)).to(torch.get_default_dtype())

    def prior(self, like: Tensor, rng: Streams, t: Any = 1.0) -> Tensor:
        return self._grain(like, rng)

    def corrupt(self, x: Tensor, t: Tensor, rng: Streams, n: Any = None) -> Draw:
        vector, grain = self.embedding.embed(x), self._grain(x, rng)
        accuracy = self.accuracies(vector)
        senders = VonMises(_angle(vector)[..., None].expand(*x.shape, self.steps), accuracy).sample(rng)
        sums = torch.cumsum(accuracy[:, None] * on_circle(senders), -2)
        sums = torch.cat((torch.zeros_like(sums[..., :1, :]), sums), -2)
        z = grain + take(sums, trailing(self.received(t), x).expand(x.shape))
        return Draw(z, vector, z, t)

    def inputs(self, z: Tensor, t: Tensor) -> Tensor:
        return seen(*polar(z), self.total)

    def resolve(self, raw: Tensor, z: Tensor, t: Tensor) -> Estimate:
        mean = turn(polar(z)[0], on_circle(raw[..., 0]))
        return Estimate(mean, torch.zeros_like(mean))

    def loss(self, raw: Tensor, draw: Draw) -> Tensor:
        accuracy = self.accuracies(raw)[self.received(trailing(draw.t, draw.x[..., 0]))]
        cosine = (draw.x * self.resolve(raw, draw.z, draw.t).x).sum(-1)
        error: Tensor = self.steps * accuracy * resultant(accuracy) * (1 - cosine)
        return error

    def kernel(self, p: Estimate | Located, z: Tensor, t: Tensor, s: Tensor) -> Sender:
        accuracy = self.accuracies(z)[self.received(trailing(t, z))]
        if isinstance(p, Located):
            return Sender(z, p.points, p.probs, accuracy)
        return Sender(z, p.x[..., None, :], torch.ones_like(z[..., :1]), accuracy)

    def velocity(self, p: Any, z: Tensor, t: Tensor) -> Tensor:
        return torch.zeros((), device=z.device)

    def jump(self, p: Any, z: Tensor, t: Tensor, s: Tensor, rng: Streams) -> Tensor:
        return self.kernel(p, z, t, s).sample(rng)

    def expected(self, p: Estimate | Located, z: Tensor, t: Tensor) -> Tensor:
        return self.embedding.quantize(self._mean(p))

    def told(self, p: Estimate | Located, z: Tensor, t: Tensor, x: Tensor, known: Tensor) -> Estimate:
        data, mean = self.embedding.embed(x).to(z), self._mean(p)
        return Estimate(torch.where(known[..., None], data, mean), torch.zeros_like(mean))

    def _mean(self, p: Estimate | Located) -> Tensor:
        return torch.einsum("...k,...kd->...d", p.probs, p.points) if isinstance(p, Located) else p.x

    def finish(self, p: Estimate | Located, z: Tensor, rng: Streams) -> Tensor:
        if isinstance(p, Located):
            return self.embedding.quantize(take(p.points, rng.categorical(p.probs)))
        return self.embedding.quantize(p.x)
