r"""Stochastic methods that use the score.

The reverse SDE with the process's marginals is, for any :math:`\varepsilon_t \ge 0`,
:math:`dz = [u - \varepsilon \nabla \log p]\,dt + \sqrt{2 \varepsilon}\,d\bar W` from one to zero, :math:`u` the
velocity; :math:`\varepsilon = g^2 / 2` is the classical one. From zero to one, for paths between two sets of data, the
score has the other sign. A Langevin corrector stays at one time and moves along
:math:`\nabla \log p` with the step :math:`2 (r \sigma)^2`. The published step :math:`2 (r |n| / |\nabla \log p|)^2` is
this one where the score is :math:`-n / \sigma`; but measured on a batch it ties a sample to its batch mates, and
measured on one sample it depends on the state, which changes the law (without bound where a field has one entry).

References:
    | Score-Based Generative Modeling through SDEs (Song et al., 2021), https://arxiv.org/abs/2011.13456
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geodrift.denoiser import Conditions, Denoise
from geodrift.kernel import Delta, Gaussian, Kernel
from geodrift.layout import Layout, trailing
from geodrift.processes import Process, has_score
from geodrift.registry import NotNegative, Positive
from geodrift.rng import Streams
from geodrift.solvers.solver import Solver, scored, solvers, steady


@solvers.register("euler-maruyama")
@dataclass(frozen=True)
class EulerMaruyama(Solver):
    """Euler–Maruyama for the reverse SDE, or for the forward one where times ascend.

    Arguments:
        scale: Multiple of the classical noise, :math:`2 \\varepsilon / g^2`; zero is the ODE. For an interpolant, whose
            classical noise is one, it is :math:`\\varepsilon`.
        most: Bound of the step's :math:`\\varepsilon |h| / \\sigma^2` before scaling, the share of the noise that it
            exchanges, which would be infinite where a path starts without signal.
    """

    scale: NotNegative = 1.0
    most: Positive = 0.5
    stages: int = 1

    def admit(self, process: Process, times: Tensor) -> None:
        scored(process, "euler-maruyama")
        steady(process, times)
        super().admit(process, times)

    def law(self, part: Process, p: Any, z: Tensor, t: Tensor, s: Tensor, layout: Layout) -> Kernel:
        """The Gaussian of one step; the process's own law for classes."""
        if not has_score(part):
            return part.kernel(p, z, t, s)
        h = trailing(s - t, z)
        bound = self.most * torch.square(part.noise_std(z, t)) / h.abs()
        epsilon = self.scale * torch.minimum(part.diffusion(z, t) / 2, bound)
        drift = part.velocity(p, z, t) + h.sign() * epsilon * part.score(p, z, t)
        return Gaussian(z + h * drift, torch.sqrt(2 * epsilon * h.abs()).to(z))

    def step(
        self, denoise: Denoise, z: Any, t: Tensor, s: Tensor, carry: Any, rng: Streams, cond: Conditions | None = None
    ) -> tuple[Any, Any]:
        return denoise.process.advance(self.law, denoise(z, t, cond), z, t, s, rng), carry


@dataclass(frozen=True)
class Langevin:
    """One Langevin step at a fixed time.

    Arguments:
        snr: Ratio of signal to noise, :math:`r`, small: the law is kept to the first order in :math:`r^2`.
        temperature: Scale of the noise; below one the law is sharpened.
    """

    snr: NotNegative = 0.16
    temperature: NotNegative = 1.0

    def law(self, part: Process, p: Any, z: Tensor, t: Tensor, s: Tensor, layout: Layout) -> Kernel:
        """The Gaussian of the step; no move of classes."""
        if not has_score(part):
            return Delta(z)
        step = 2 * torch.square(self.snr * part.noise_std(z, t))
        return Gaussian(z + step * part.score(p, z, t), self.temperature * torch.sqrt(2 * step))


@solvers.register("predictor-corrector")
@dataclass(frozen=True)
class PredictorCorrector(Solver):
    """A Langevin step and then a predictor's step, each with its own prediction.

    Arguments:
        predictor: The solver that moves in time.
        snr: Ratio of signal to noise of the corrector.
        temperature: Scale of the corrector's noise.
        corrections: Langevin steps before each predictor step.
    """

    predictor: Solver = EulerMaruyama()
    snr: NotNegative = 0.16
    temperature: NotNegative = 1.0
    corrections: int = 1

    @property
    def stages(self) -> int:  # type: ignore[override]
        return self.corrections + self.predictor.stages

    def admit(self, process: Process, times: Tensor) -> None:
        scored(process, "predictor-corrector")
        self.predictor.admit(process, times)

    def init(self, z: Any, rng: Streams) -> Any:
        return self.predictor.init(z, rng)

    def step(
        self, denoise: Denoise, z: Any, t: Tensor, s: Tensor, carry: Any, rng: Streams, cond: Conditions | None = None
    ) -> tuple[Any, Any]:
        langevin = Langevin(self.snr, self.temperature).law
        for _ in range(self.corrections):
            z = denoise.process.advance(langevin, denoise(z, t, cond), z, t, t, rng)
        return self.predictor.step(denoise, z, t, s, carry, rng, cond)
