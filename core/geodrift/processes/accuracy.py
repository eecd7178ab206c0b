r"""How much evidence a Bayesian flow has received: the accuracy :math:`\rho_t`, zero at the source.

The `Entropy` accuracy is that of a circle: in its time the expected entropy of the belief about a uniform angle falls
linearly. That entropy is :math:`\ln 2 \pi` minus the mutual information of the angle and the evidence, whose derivative
in :math:`\rho` is half the mean squared error of the mean vector, so that the slopes of the table are exact and the
continuous loss of uniform data is the same at all times.

References:
    | Bayesian Flow Networks (Graves et al., 2023), sections 4 and 6, https://arxiv.org/abs/2308.07037
    | A Periodic Bayesian Flow for Material Generation (Wu et al., 2025), https://arxiv.org/abs/2502.02016
    | Mutual Information and Minimum Mean-Square Error in Gaussian Channels (Guo et al., 2005), https://arxiv.org/abs/cs/0412108
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from geodrift.errors import InputError
from geodrift.registry import Positive, role
from geodrift.schedules.schedule import derivative
from geodrift.von_mises import entropy, resultant

_NODES, _HERMITE = 256, 64


class Accuracy(ABC):
    """The evidence received until a time, in units of the family; none at one."""

    @abstractmethod
    def rho(self, t: Tensor) -> Tensor:
        """The accuracy of all evidence."""

    def root(self, t: Tensor) -> Tensor:
        """Its square root, :math:`\\sqrt{\\rho_t}`."""
        return torch.sqrt(self.rho(t))

    def rate(self, t: Tensor) -> Tensor:
        """How fast evidence comes in towards the data, :math:`|\\rho'_t|`."""
        return -derivative(self.rho, t)


accuracies = role("accuracy", Accuracy)


@accuracies.register("quadratic")
@dataclass(frozen=True)
class Quadratic(Accuracy):
    """:math:`\\rho = \\rho_0 (1 - t)^2`, whose root is a straight line: the flow is smooth at the source.

    Arguments:
        total: Accuracy at the data, :math:`\\rho_0`.
    """

    total: Positive = 3.0

    def rho(self, t: Tensor) -> Tensor:
        return self.total * torch.square(1 - t)

    def root(self, t: Tensor) -> Tensor:
        return math.sqrt(self.total) * (1 - t)


@accuracies.register("exponential")
@dataclass(frozen=True)
class Exponential(Accuracy):
    """:math:`\\rho = \\sigma^{-2 (1 - t)} - 1`: a belief narrows geometrically, from the standard normal one.

    Arguments:
        sigma: Spread of the belief at the data, in units of the data, below one.
    """

    sigma: Positive = 0.03

    def __post_init__(self) -> None:
        if self.sigma >= 1:
            raise InputError(
                f"exponential accuracy with sigma = {self.sigma}: beliefs narrow from one to it; below one"
            )

    def rho(self, t: Tensor) -> Tensor:
        return torch.expm1(-2 * math.log(self.sigma) * (1 - t))


@accuracies.register("entropy")
@dataclass(frozen=True)
class Entropy(Accuracy):
    """The accuracy for which the expected entropy of the belief about a uniform angle is linear in time.

    Arguments:
        total: Accuracy at the data.
    """

    total: Positive = 1000.0

    def rho(self, t: Tensor) -> Tensor:
        u, v, slope = (torch.as_tensor(column, device=t.device) for column in _table(self.total))
        at = 1 - t.to(torch.float64)
        left = (torch.searchsorted(u, at.detach().contiguous(), right=True) - 1).clamp(0, _NODES - 2)
        step = u[left + 1] - u[left]
        s = (at - u[left]) / step
        bend, turn = v[left + 1] - v[left] - step * slope[left], step * (slope[left + 1] - slope[left])
        return torch.expm1(v[left] + s * (step * slope[left] + s * (3 * bend - turn + s * (turn - 2 * bend)))).to(t)


class Table(NamedTuple):
    """Shares of the entropy gone, :math:`\\ln(1 + \\rho)` there, and its derivative in that share."""

    gone: np.ndarray
    size: np.ndarray
    slope: np.ndarray


def belief(rho: Tensor) -> tuple[Tensor, Tensor]:
    """Expected entropy, and error of the mean vector, of the belief about a uniform angle after evidence `rho`."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(_HERMITE)
    noise, each = (torch.from_numpy(part) for part in (nodes, weights / weights.sum()))
    root = torch.sqrt(rho)[:, None, None]
    c = torch.hypot(root**2 + root * noise[:, None], root * noise)
    law = each[:, None] * each
    return (law * entropy(c)).sum((1, 2)), 1 - (law * resultant(c) ** 2).sum((1, 2))


@lru_cache(maxsize=16)
def _table(total: float) -> Table:
    size = torch.linspace(0, math.log1p(total), _NODES, dtype=torch.float64)
    rho = torch.expm1(size)
    left, error = belief(rho)
    drop = left[0] - left[-1]
    return Table(*(column.numpy() for column in ((left[0] - left) / drop, size, 2 * drop / error / (1 + rho))))
