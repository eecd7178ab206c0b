r"""The exact solution of a path's SDE, up to what the network predicts.

In :math:`\lambda = \log(\alpha / \sigma)`, with :math:`h = \lambda_s - \lambda_t > 0`, the reverse SDE with the noise
:math:`\eta` (zero is the probability-flow ODE, one the time reversal of the forward SDE) is solved by

.. math:: z_s &= \frac{\sigma_s}{\sigma_t} e^{-\eta^2 h} z_t + \alpha_s (1 + \eta^2) \int_{\lambda_t}^{\lambda_s}
   e^{-(1 + \eta^2)(\lambda_s - \lambda)}\,\hat x\,d\lambda + \sigma_s \sqrt{1 - e^{-2 \eta^2 h}}\,\varepsilon \\
   z_s &= \frac{\alpha_s}{\alpha_t} z_t - (1 + \eta^2)\,\alpha_s \int_{\lambda_t}^{\lambda_s}
   e^{-\lambda}\,\hat n\,d\lambda + \eta \sigma_s \sqrt{e^{2h} - 1}\,\varepsilon.

The first form starts where there is no signal, :math:`\lambda_t = -\infty`; the second divides by the signal.

References:
    | DPM-Solver (Lu et al., 2022), https://arxiv.org/abs/2206.00927
    | SA-Solver (Xue et al., 2023), https://arxiv.org/abs/2309.05019
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from torch import Tensor

from geodrift.processes import Flow, Process
from geodrift.schedules.schedule import Number, Numbers


class Step(NamedTuple):
    """A step's factor of the state, its factor of the integral's weights, their exponent, and the noise."""

    keep: Number
    gain: Number
    exponent: Number
    std: Number


@dataclass(frozen=True)
class Form(ABC):
    """Which prediction the exact solution integrates.

    Arguments:
        eta: Fresh noise, :math:`\\eta`.
    """

    eta: float = 0.0
    told: ClassVar[str]
    """What it integrates, in errors."""
    divides: ClassVar[bool] = False
    """Whether it divides by the signal."""

    @abstractmethod
    def solves(self, part: Process) -> bool:
        """Whether a leaf is a path of this form."""

    @abstractmethod
    def value(self, p: Any) -> Tensor:
        """What it takes from a prediction."""

    @abstractmethod
    def step(self, now: Numbers, then: Numbers, h: Number) -> Step:
        """The numbers of a step of log-SNR `h`."""


@dataclass(frozen=True)
class Data(Form):
    """The expected data."""

    told: ClassVar[str] = "data"

    def solves(self, part: Process) -> bool:
        return isinstance(part, Flow) and part.linear

    def value(self, p: Any) -> Tensor:
        x: Tensor = p.x
        return x

    def step(self, now: Numbers, then: Numbers, h: Number) -> Step:
        rate = self.eta**2
        fresh = -np.expm1(-2 * rate * h) if rate else 0.0
        decay = np.exp(-rate * h) if rate else 1.0
        return Step(then.sigma / now.sigma * decay, then.alpha, (1 + rate) * h, then.sigma * np.sqrt(fresh))


@dataclass(frozen=True)
class Noise(Form):
    """The expected noise."""

    told: ClassVar[str] = "noise"
    divides: ClassVar[bool] = True

    def solves(self, part: Process) -> bool:
        return isinstance(part, Flow) and part.noised

    def value(self, p: Any) -> Tensor:
        n: Tensor = p.n
        return n

    def step(self, now: Numbers, then: Numbers, h: Number) -> Step:
        std = self.eta * then.sigma * np.sqrt(np.expm1(2 * h)) if self.eta else 0.0
        return Step(then.alpha / now.alpha, (1 + self.eta**2) * then.sigma, -h, std)
