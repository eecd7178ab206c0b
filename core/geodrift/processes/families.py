r"""The families of Bayesian flow: what is observed, what the belief is, what a network sees and answers.

A family embeds data as vectors :math:`e(x)`; evidence is the sum of noisy observations of them,
:math:`h = \rho e(x) + \sqrt\rho\,\varepsilon`, and the belief is conjugate to it: normal with mean
:math:`h / (1 + \rho)` and variance :math:`1 / (1 + \rho)`, categorical with logits :math:`h`, or von Mises with the
natural parameter :math:`h`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from geodrift.embeddings import Embedding, Identity, OneHot
from geodrift.errors import InputError
from geodrift.parametrization import Karras, Linear
from geodrift.prediction import Belief, Estimate
from geodrift.schedules import Coefficients

_LEAST_SIGNAL = 1e-6


class Family(ABC):
    """A kind of data and of beliefs about them. States are :math:`z = h / \\sqrt\\rho`; `at.alpha` is the root."""

    unit: float = 1.0
    """The accuracy of one unit of an `Accuracy`, as the literature of the family counts it."""
    categorical: bool = False

    @property
    @abstractmethod
    def embedding(self) -> Embedding:
        """How data are written as vectors."""

    @property
    @abstractmethod
    def channels(self) -> tuple[int, int]:
        """The number of channels that the network sees of an element, and that it answers with."""

    @abstractmethod
    def inputs(self, z: Tensor, at: Coefficients) -> Tensor:
        """What the network sees: the belief."""

    @abstractmethod
    def resolve(self, raw: Tensor, z: Tensor, at: Coefficients) -> Estimate | Belief:
        """The prediction that the network's output means: an `Estimate` of the mean vector, or a `Belief`."""

    def admit(self, at: Coefficients) -> None:  # noqa: B027 - most families answer everywhere
        """Raise `InputError` where the network's answer tells nothing, given the coefficients at the source."""

    def length(self, v: Tensor) -> Tensor:
        """The squared length of the vector of each element."""
        return torch.square(v).sum(-1)


@dataclass(frozen=True)
class Gaussian(Family):
    """Real numbers of about unit variance, each an element.

    Arguments:
        parametrization: What the network answers; by default the correction of the belief's mean, in units of the
            belief's spread, of which any is of unit variance.
        width: The number of channels of the data.
    """

    parametrization: Linear = field(default_factory=lambda: Karras(1.0))
    width: int = 1

    @property
    def embedding(self) -> Identity:
        return Identity(self.width)

    @property
    def channels(self) -> tuple[int, int]:
        return self.width, self.width

    def admit(self, at: Coefficients) -> None:
        told = self.parametrization.row(at).determinant(at).abs()
        if not (bool(torch.isfinite(told)) and told > _LEAST_SIGNAL):
            raise InputError(f"{self.parametrization} tells no data where there is no evidence; predict data or karras")

    def inputs(self, z: Tensor, at: Coefficients) -> Tensor:
        return z * (at.alpha / (1 + torch.square(at.alpha)))

    def resolve(self, raw: Tensor, z: Tensor, at: Coefficients) -> Estimate:
        return self.parametrization.resolve(raw, z, at, self.embedding)

    def length(self, v: Tensor) -> Tensor:
        return torch.square(v)


@dataclass(frozen=True)
class Categorical(Family):
    """Classes `(...)`, as one-hot vectors around zero; states `(..., classes)`.

    Accuracies are those of the literature, where the evidence for a class is :math:`\\beta (K e_x - 1)`.

    Arguments:
        classes: Number of classes, `K`.
    """

    classes: int
    categorical = True

    @property
    def unit(self) -> float:  # type: ignore[override]
        return float(self.classes)

    @property
    def embedding(self) -> OneHot:
        return OneHot(self.classes, shift=1 / self.classes)

    @property
    def channels(self) -> tuple[int, int]:
        return self.classes, self.classes

    def inputs(self, z: Tensor, at: Coefficients) -> Tensor:
        return torch.softmax(at.alpha * z, -1)

    def resolve(self, raw: Tensor, z: Tensor, at: Coefficients) -> Belief:
        return Belief(log_softmax(raw, -1))
