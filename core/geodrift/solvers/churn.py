r"""EDM's stochastic sampler: a little fresh noise before each step of Heun's method.

With :math:`\rho = \sigma / \alpha` the noise level, a step first goes back to :math:`\hat\rho = (1 + \gamma) \rho`,

.. math:: \hat z = \frac{\hat\alpha}{\alpha} z + \hat\alpha\,S \sqrt{\hat\rho^2 - \rho^2}\,\varepsilon,

exactly as the forward process does for :math:`S = 1`, and then solves the probability-flow ODE from there. The level
is that of the process's clock; every field gets the noise of its own schedule. There is no time above one: a level
beyond it is that of the source.

References:
    | Elucidating the Design Space of Diffusion-Based Generative Models (Karras et al., 2022), algorithm 2, https://arxiv.org/abs/2206.00364
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor

from geodrift.denoiser import Conditions, Denoise
from geodrift.errors import InputError
from geodrift.kernel import Delta, Gaussian, Kernel
from geodrift.layout import Layout
from geodrift.processes import Process, has_score
from geodrift.registry import NotNegative
from geodrift.rng import Streams
from geodrift.schedules import Schedule
from geodrift.solvers.runge_kutta import RungeKutta, heun
from geodrift.solvers.solver import Solver, scored, solvers

MOST = math.sqrt(2) - 1
_LEAST_SIGNAL = 1e-6


@solvers.register("churn")
@dataclass(frozen=True)
class Churn(Solver):
    """Heun's method with fresh noise.

    Arguments:
        gamma: Growth of the noise level before a step, :math:`\\gamma = S_{churn} / N` for `N` steps.
        least: Noise level :math:`\\sigma / \\alpha` below which none is added, :math:`S_{min}`.
        most: Noise level above which none is added, :math:`S_{max}`.
        noise: Scale of the fresh noise, :math:`S_{noise}`; above one it makes up for what a network loses.
    """

    gamma: Annotated[float, Field(ge=0, le=MOST)] = 0.2
    least: NotNegative = 0.0
    most: NotNegative = math.inf
    noise: NotNegative = 1.0

    @property
    def method(self) -> RungeKutta:
        return heun()

    @property
    def stages(self) -> int:  # type: ignore[override]
        return self.method.stages

    def admit(self, process: Process, times: Tensor) -> None:
        scored(process, "churn")
        if process.clock is None:
            raise InputError("churn measures noise by a schedule and no field of this process has one; choose heun")
        self.method.admit(process, times)

    def law(self, part: Process, p: Any, z: Tensor, t: Tensor, s: Tensor, layout: Layout) -> Kernel:
        """The forward process from `t` to the noisier `s`; classes stay."""
        if not (has_score(part) and part.noised):
            return Delta(z)
        now, then = part.at(t, z), part.at(s, z)
        keep = then.alpha / now.alpha
        added = torch.square(then.sigma) - torch.square(keep * now.sigma)
        return Gaussian(keep * z, self.noise * torch.sqrt(added.clamp(min=0)))

    def back(self, clock: Schedule, t: Tensor) -> Tensor:
        """The time with the noise level that a step from `t` starts at."""
        if not self.gamma:
            return t
        level = -clock.log_snr(t)
        churned = (level >= math.log(max(self.least, 1e-300))) & (level <= math.log(self.most))
        return torch.where(churned, clock.time(-level - math.log1p(self.gamma)).clamp(max=1).to(t).maximum(t), t)

    def step(
        self, denoise: Denoise, z: Any, t: Tensor, s: Tensor, carry: Any, rng: Streams, cond: Conditions | None = None
    ) -> tuple[Any, Any]:
        clock = denoise.process.clock
        assert clock is not None
        start = self.back(clock, t)
        if bool((start > t).any()):
            z = denoise.process.advance(self.law, z, z, t, start, rng)
        return self.method.step(denoise, z, start, s, carry, rng, cond)
