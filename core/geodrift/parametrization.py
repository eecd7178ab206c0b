r"""What a network may predict.

For :math:`z = \alpha x + \sigma n` anything linear that a network may predict is :math:`r = p x + q n`. With
:math:`w = \alpha q - \sigma p` the data and the noise that it means are

.. math:: \hat x = (q z - \sigma r) / w, \qquad \hat n = (\alpha r - p z) / w,

and its squared error is :math:`|\delta r|^2 = (p - q \alpha / \sigma)^2 |\delta x|^2`, which converts loss weights.
Data that are classes may also be predicted as such: the expected data are then the points of the classes, weighted by
their probabilities, and the loss is the cross-entropy (score interpolation).

References:
    | Progressive Distillation (Salimans, Ho, 2022), https://arxiv.org/abs/2202.00512
    | Continuous Diffusion for Categorical Data (Dieleman et al., 2022), https://arxiv.org/abs/2211.15089
    | Elucidating the Design Space of Diffusion-Based Generative Models (Karras et al., 2022), https://arxiv.org/abs/2206.00364
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from geodrift.embeddings import Embedding
from geodrift.prediction import SECOND, Estimate, Mix
from geodrift.registry import ROLES, Positive, role
from geodrift.schedules import Coefficients


class Row(Mix):
    """The combination :math:`r = p x + q n`; `of` gives what a perfect network predicts for this data and noise."""

    def determinant(self, at: Coefficients) -> Tensor:
        """What `resolve` divides by, :math:`w`: zero where the combination does not tell the data."""
        w: Tensor = at.alpha * self.q - at.sigma * self.p
        return w

    def resolve(self, r: Tensor, z: Tensor, at: Coefficients) -> Estimate:
        """The data and the noise that the prediction `r` means at `z`."""
        w = self.determinant(at)
        return Estimate(z, r, Mix(self.q / w, -at.sigma / w), Mix(-self.p / w, at.alpha / w))

    def error_scale(self, at: Coefficients) -> Tensor:
        """How large an error of the prediction is for a unit error of the data, squared."""
        return torch.square(self.p - self.q * at.alpha / at.sigma)


class Parametrization(ABC):
    """What the output of a network means."""

    @abstractmethod
    def channels(self, embedding: Embedding) -> int:
        """The number of channels that the network answers with."""

    @abstractmethod
    def resolve(self, raw: Tensor, z: Tensor, at: Coefficients, embedding: Embedding) -> Estimate:
        """The data and the noise that the output `raw` means at `z`."""

    @abstractmethod
    def loss(self, raw: Tensor, x: Tensor, n: Tensor, at: Coefficients, embedding: Embedding) -> Tensor:
        """The error of the output for embedded data `x` and noise `n`, elementwise."""


parametrizations = role("parametrization", Parametrization)


class Linear(Parametrization):
    """A combination of data and noise, by squared error."""

    @abstractmethod
    def row(self, at: Coefficients) -> Row: ...

    def channels(self, embedding: Embedding) -> int:
        return embedding.channels

    def resolve(self, raw: Tensor, z: Tensor, at: Coefficients, embedding: Embedding) -> Estimate:
        if at.shared:
            return Estimate(z, raw, *_meaning(self, at))
        return self.row(at).resolve(raw, z, at)

    def loss(self, raw: Tensor, x: Tensor, n: Tensor, at: Coefficients, embedding: Embedding) -> Tensor:
        return (raw - self.row(at).of(x, n)) ** 2


@lru_cache(maxsize=4096)
def _meaning(row: Linear, at: Coefficients) -> tuple[Mix, Mix]:
    """The combinations of the state and the output that are data and noise, at a time that all ask for, as numbers."""
    p, q = (float(v) for v in row.row(at))
    alpha, sigma, _ = (float(v) for v in at.numbers)
    w = alpha * q - sigma * p
    return Mix(q / w, -sigma / w), Mix(-p / w, alpha / w)


ROLES[Linear] = parametrizations


@parametrizations.register("classes")
@dataclass(frozen=True)
class Classes(Parametrization):
    """Logits of the class of the data, by cross-entropy."""

    def channels(self, embedding: Embedding) -> int:
        return len(embedding.points)

    def resolve(self, raw: Tensor, z: Tensor, at: Coefficients, embedding: Embedding) -> Estimate:
        x = torch.softmax(raw, -1) @ embedding.points.to(raw)
        return Estimate(z, x, SECOND, Mix(1 / at.sigma, -at.alpha / at.sigma))

    def loss(self, raw: Tensor, x: Tensor, n: Tensor, at: Coefficients, embedding: Embedding) -> Tensor:
        classes = embedding.quantize(x)
        return cross_entropy(raw.flatten(0, -2), classes.flatten(), reduction="none").view_as(classes)


@parametrizations.register("data")
@dataclass(frozen=True)
class Data(Linear):
    """The data itself, :math:`x`; the output is taken as it is, also where there is no noise."""

    def resolve(self, raw: Tensor, z: Tensor, at: Coefficients, embedding: Embedding) -> Estimate:
        return Estimate(z, raw, SECOND, Mix(1 / at.sigma, -at.alpha / at.sigma))

    def row(self, at: Coefficients) -> Row:
        return Row(torch.ones_like(at.alpha), torch.zeros_like(at.alpha))


@parametrizations.register("noise")
@dataclass(frozen=True)
class Noise(Linear):
    """The noise, :math:`n`."""

    def row(self, at: Coefficients) -> Row:
        return Row(torch.zeros_like(at.alpha), torch.ones_like(at.alpha))


@parametrizations.register("velocity")
@dataclass(frozen=True)
class Velocity(Linear):
    """The velocity of the path, :math:`\\alpha' x + \\sigma' n`."""

    def row(self, at: Coefficients) -> Row:
        return Row(at.d_alpha, at.d_sigma)


@parametrizations.register("score")
@dataclass(frozen=True)
class Score(Linear):
    """The score of a Gaussian source, :math:`-n / \\sigma`."""

    def row(self, at: Coefficients) -> Row:
        return Row(torch.zeros_like(at.alpha), -1 / at.sigma)


@parametrizations.register("v")
@dataclass(frozen=True)
class V(Linear):
    """The rotated target :math:`\\alpha n - \\sigma x` of progressive distillation."""

    def row(self, at: Coefficients) -> Row:
        return Row(-at.sigma, at.alpha)


@parametrizations.register("karras")
@dataclass(frozen=True)
class Karras(Linear):
    """EDM's :math:`F`, of unit variance at every noise level.

    Arguments:
        data_std: Standard deviation of the data.
    """

    data_std: Positive = 0.5

    def row(self, at: Coefficients) -> Row:
        variance = (at.alpha * self.data_std) ** 2 + at.sigma**2
        skip = at.alpha * self.data_std**2 / variance
        out = at.sigma * self.data_std / torch.sqrt(variance)
        return Row((1 - skip * at.alpha) / out, -skip * at.sigma / out)
