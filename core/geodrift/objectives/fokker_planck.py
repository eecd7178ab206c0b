r"""A regulariser that brings the samples of the SDE and of the ODE together.

To another objective it adds :math:`w\,E|\sigma_t^2 R|^2`, the residual of `geodrift.diagnostics.fokker_planck` of
the score or, of a `Potential`, that of its log-density: a score without it is that of a
law which moves with the process, and then both ways of sampling lead to the same data. The weight :math:`\sigma^2`
makes the residual comparable to the error of a prediction at every time; without it short trainings diverge. A little
brings the ODE closer to the data, a lot spoils the SDE.

References:
    | Closing the ODE-SDE Gap in Score-Based Diffusion Models (Deveney et al., 2023), https://arxiv.org/abs/2311.15996
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from geodrift.denoiser import Conditions, Denoiser, samples
from geodrift.diagnostics.fields import noise_std
from geodrift.diagnostics.fokker_planck import density_residual, score_residual
from geodrift.diagnostics.traces import Hutchinson, Trace
from geodrift.objectives.collocation import Collocation, Noisy
from geodrift.objectives.matching import Matching
from geodrift.objectives.objective import Loss, Objective, objectives
from geodrift.objectives.times import TimeLaw, Uniform
from geodrift.potential import Potential
from geodrift.registry import NotNegative
from geodrift.rng import Streams


@objectives.register("fokker-planck")
@dataclass(frozen=True)
class FokkerPlanck(Objective):
    """An objective and the weighted residual of the Fokker–Planck equation.

    The network is differentiated three times: its activations must be smooth, and a step takes several times as long.

    Arguments:
        weight: Of the residual, :math:`w`.
        base: What it is added to.
        trace: How divergences are computed.
        times: The law of the times of the residual.
        collocation: The law of the states of the residual.
    """

    weight: NotNegative = 0.01
    base: Objective = field(default_factory=Matching)
    trace: Trace = field(default_factory=Hutchinson)
    times: TimeLaw = field(default_factory=lambda: Uniform(least=1e-3))
    collocation: Collocation = field(default_factory=Noisy)

    def __call__(self, denoiser: Denoiser, x: Any, cond: Conditions, rng: Streams) -> Loss:
        loss, process = self.base(denoiser, x, cond, rng), denoiser.process
        t = self.times.stratified(samples(x), x.device, rng)
        z = self.collocation.states(process, process.enter(x, cond), t, rng)
        residual = self._residual(denoiser, z, t, cond, rng)
        return Loss(loss.total + self.weight * residual, {**loss.parts, "residual": residual.detach()})

    def _residual(self, denoiser: Denoiser, z: Any, t: Tensor, cond: Conditions, rng: Streams) -> Tensor:
        """The mean square of the residual of the score, or of the log-density of a potential, times the variance."""
        if isinstance(denoiser, Potential):
            variance = torch.square(denoiser.noise_std(t))
            return torch.square(variance * density_residual(denoiser, z, t, rng, self.trace, cond)).mean()
        sigma = noise_std(denoiser.process, z, t)
        error = score_residual(denoiser, z, t, rng, self.trace, cond) * sigma * sigma
        if isinstance(error, Tensor):
            return torch.square(error).mean()
        squares = [error.layouts[name].mean(torch.square(e)).mean() for name, e in error.items()]
        return torch.stack(squares).sum()
