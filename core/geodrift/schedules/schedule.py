r"""Signal and noise in time.

A schedule gives the two scales of the law :math:`z_t = \alpha_t x + \sigma_t n`, data at :math:`t = 0`, source at
:math:`t = 1`. Only :math:`\alpha` and :math:`\sigma` are written down; their time derivatives, which velocities and
drifts need, come from automatic differentiation, so they cannot disagree with them. The same law is the solution of
:math:`dz = f_t z\,dt + g_t\,dW` with :math:`f = \alpha' / \alpha` and :math:`g^2 = 2 \sigma \sigma' - 2 f \sigma^2`.

References:
    | Score-Based Generative Modeling through SDEs (Song et al., 2021), https://arxiv.org/abs/2011.13456
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from geodrift.registry import role


@dataclass(frozen=True, eq=False)
class Coefficients:
    """Scales of signal and noise and their time derivatives at a time, shaped like it, each computed when first asked.

    Arguments:
        schedule: The schedule.
        t: The time.
    """

    schedule: Schedule
    t: Tensor

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

    @property
    def diffusion(self) -> Tensor:
        """The squared diffusion coefficient :math:`g^2`; infinite where the signal is zero."""
        return 2 * self.sigma * (self.d_sigma - self.d_alpha / self.alpha * self.sigma)


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
        return Coefficients(self, t)


schedules = role("schedule", Schedule)
