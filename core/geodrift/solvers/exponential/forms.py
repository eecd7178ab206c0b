r"""The exact solution of a path's SDE, up to what the network predicts.

In :math:`\lambda = \log(\alpha / \sigma)`, with :math:`h = \lambda_s - \lambda_t > 0`, the reverse SDE with the noise
:math:`\eta` (zero is the probability-flow ODE, one the time reversal of the forward SDE) is solved by

.. math:: z_s &= \frac{\sigma_s}{\sigma_t} e^{-\eta^2 h} z_t + \alpha_s (1 + \eta^2) \int_{\lambda_t}^{\lambda_s}
   e^{-(1 + \eta^2)(\lambda_s - \lambda)}\,\hat x\,d\lambda + \sigma_s \sqrt{1 - e^{-2 \eta^2 h}}\,\varepsilon \\
   z_s &= \frac{\alpha_s}{\alpha_t} z_t - (1 + \eta^2)\,\alpha_s \int_{\lambda_t}^{\lambda_s}
   e^{-\lambda}\,\hat n\,d\lambda + \eta \sigma_s \sqrt{e^{2h} - 1}\,\varepsilon.

The first form starts where there is no signal, :math:`\lambda_t = -\infty`; the second divides by the signal. Between
them is the straight path, with :math:`u = \sigma / (\alpha + \sigma)`, which has neither end:

.. math:: \frac{z_s}{\alpha_s + \sigma_s} = \frac{z_t}{\alpha_t + \sigma_t}
   + \int_{u_t}^{u_s} (\hat n - \hat x)\,du.

References:
    | DPM-Solver (Lu et al., 2022), https://arxiv.org/abs/2206.00927
    | SA-Solver (Xue et al., 2023), https://arxiv.org/abs/2309.05019
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, NamedTuple

import numpy as np
from torch import Tensor

from geodrift.processes import Flow, Process
from geodrift.schedules.schedule import Number, Numbers
from geodrift.solvers.exponential.quadrature import Integrals, flat, moments


class Step(NamedTuple):
    """A step's factor of the state, its factor of the integrals, these, and the noise."""

    keep: Number
    gain: Number
    integrals: Integrals
    std: Number


@dataclass(frozen=True)
class Form(ABC):
    """Which prediction the exact solution integrates.

    Arguments:
        eta: Fresh noise, :math:`\\eta`.
        noise: A factor of its standard deviation, beside what it is in the solution.
    """

    eta: float = 0.0
    noise: float = 1.0
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

    def coordinate(self, at: Numbers) -> Number:
        """In which it integrates."""
        return at.log_snr

    @abstractmethod
    def step(self, now: Numbers, then: Numbers, h: Number) -> Step:
        """The numbers of a step that is `h` long in its coordinate."""


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
        exactly = partial(moments, (1 + rate) * h)
        return Step(then.sigma / now.sigma * decay, then.alpha, exactly, self.noise * then.sigma * np.sqrt(fresh))


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
        std = self.noise * self.eta * then.sigma * np.sqrt(np.expm1(2 * h)) if self.eta else 0.0
        return Step(then.alpha / now.alpha, (1 + self.eta**2) * then.sigma, partial(moments, -h), std)


@dataclass(frozen=True)
class Straight(Form):
    """The difference of noise and data: the velocity of the straight path, without fresh noise."""

    told: ClassVar[str] = "velocity"

    def solves(self, part: Process) -> bool:
        return isinstance(part, Flow) and part.linear

    def value(self, p: Any) -> Tensor:
        v: Tensor = p.mix(-1.0, 1.0)
        return v

    def coordinate(self, at: Numbers) -> Number:
        return at.sigma / (at.alpha + at.sigma)

    def step(self, now: Numbers, then: Numbers, h: Number) -> Step:
        size = then.alpha + then.sigma
        return Step(size / (now.alpha + now.sigma), size * h, flat, 0.0)
