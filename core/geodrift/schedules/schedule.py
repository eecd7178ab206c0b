r"""Signal and noise in time.

A schedule gives the two scales of the law :math:`z_t = \alpha_t x + \sigma_t n`, data at :math:`t = 0`, source at
:math:`t = 1`. Only :math:`\alpha` and :math:`\sigma` are written down; their time derivatives, which velocities and
drifts need, come from automatic differentiation, so they cannot disagree with them. The same law is the solution of
:math:`dz = f_t z\,dt + g_t\,dW` with :math:`f = \alpha' / \alpha` and :math:`g^2 = 2 \sigma \sigma' - 2 f \sigma^2`.
Half the logarithm of the signal-to-noise ratio, :math:`\lambda = \log(\alpha / \sigma)`, falls from the data to the
source and is a clock that all schedules share.

References:
    | Score-Based Generative Modeling through SDEs (Song et al., 2021), https://arxiv.org/abs/2011.13456
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from geodrift.registry import role

Number = Any
"""A float64 number, or an array of one for each sample that broadcasts against its state."""


class Numbers(NamedTuple):
    """Signal, noise and log-SNR."""

    alpha: Number
    sigma: Number
    log_snr: Number


@dataclass(frozen=True, eq=False)
class Coefficients:
    """Scales of signal and noise and their time derivatives at a time, shaped like it, each computed when first asked.

    Arguments:
        schedule: The schedule.
        t: The time.
        shared: Whether one object serves all who ask for this time, so that what follows from it may be kept.
    """

    schedule: Schedule
    t: Tensor
    shared: bool = False

    @cached_property
    def alpha(self) -> Tensor:
        return self.schedule.alpha(self.t)

    @cached_property
    def sigma(self) -> Tensor:
        return self.schedule.sigma(self.t)

    @cached_property
    def d_alpha(self) -> Tensor:
        return derivative(self.schedule.alpha, self.t)

    @cached_property
    def d_sigma(self) -> Tensor:
        return derivative(self.schedule.sigma, self.t)

    @cached_property
    def numbers(self) -> Numbers:
        """The scales and their ratio outside of tensors, where small sums cost a tenth."""
        alpha, sigma = _number(self.alpha), _number(self.sigma)
        with np.errstate(divide="ignore"):
            return Numbers(alpha, sigma, np.log(alpha) - np.log(sigma))

    @cached_property
    def rates(self) -> tuple[Number, Number]:
        """The time derivatives outside of tensors."""
        return _number(self.d_alpha), _number(self.d_sigma)

    @property
    def diffusion(self) -> Tensor:
        """The squared diffusion coefficient :math:`g^2`; infinite where the signal is zero."""
        return 2 * self.sigma * (self.d_sigma - self.d_alpha / self.alpha * self.sigma)


def _number(x: Tensor) -> Number:
    return np.float64(x.item()) if x.ndim == 0 else x.detach().double().cpu().numpy()


def derivative(scale: Callable[[Tensor], Tensor], t: Tensor) -> Tensor:
    """The derivative of a function of time, elementwise."""
    # Reverse mode: forward mode takes ten times as long, torch.func imports a compiler at its first call.
    again = t.requires_grad and torch.is_grad_enabled()
    with torch.inference_mode(False), torch.enable_grad():
        u = t if again else t.detach().clone().requires_grad_()
        value = scale(u)
        if not value.requires_grad:
            return torch.zeros_like(t)
        return torch.autograd.grad(value.sum(), u, create_graph=again)[0]


class Schedule(ABC):
    """Scales of signal and noise on :math:`t \\in [0, 1]`, with a decreasing signal-to-noise ratio."""

    @abstractmethod
    def alpha(self, t: Tensor) -> Tensor: ...

    @abstractmethod
    def sigma(self, t: Tensor) -> Tensor: ...

    def __call__(self, t: Tensor) -> Coefficients:
        # A sampler asks for the same time again and again: every field, the inputs, the output, the step.
        if t.ndim or torch.is_grad_enabled() or t.is_inference():
            return Coefficients(self, t)
        return _remembered(self, t, t._version)

    def log_snr(self, t: Tensor) -> Tensor:
        """:math:`\\lambda_t = \\log(\\alpha_t / \\sigma_t)`, infinite where there is no noise or no signal."""
        return torch.log(self.alpha(t)) - torch.log(self.sigma(t))

    def time(self, log_snr: Tensor) -> Tensor:
        """The time at which :math:`\\lambda` has this value, in float64; only values on the way have one."""
        return _invert(self.log_snr, log_snr.double())


@lru_cache(maxsize=4096)
def _remembered(schedule: Schedule, t: Tensor, version: int) -> Coefficients:
    # Tensors are told apart as objects, and by their version where one is written to.
    return Coefficients(schedule, t, shared=True)


_LOGITS = (-300.0, 36.7)  # from far below any step to the last number below one
_HALVINGS = 62


def _invert(falling: Callable[[Tensor], Tensor], value: Tensor) -> Tensor:
    """Solve for the time by bisection of its logit, which keeps the relative precision of times near the data."""
    low, high = (torch.full_like(value, end) for end in _LOGITS)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        early = falling(torch.sigmoid(middle)) > value
        low, high = torch.where(early, middle, low), torch.where(early, high, middle)
    return torch.sigmoid(high)


schedules = role("schedule", Schedule)
