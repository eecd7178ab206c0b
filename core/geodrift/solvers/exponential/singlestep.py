r"""Exponential integrators without a memory: several predictions a step.

Stage :math:`i` is at the share :math:`r_i` of the step's log-SNR, measured by the process's clock, one time for all
fields. Each stage, and the step itself, integrates the line through the first prediction and the latest. With
:math:`r = 1/2` the order is two; with :math:`r = 1/3, 2/3` it is three, because the next term of the interpolation's
error, :math:`u (u - 2/3)`, integrates to zero.

References:
    | DPM-Solver (Lu et al., 2022), https://arxiv.org/abs/2206.00927
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geodrift.denoiser import Conditions, Denoise
from geodrift.processes import Process
from geodrift.rng import Streams
from geodrift.schedules import Schedule
from geodrift.solvers.exponential.forms import Form
from geodrift.solvers.exponential.law import Known, Law, Rule
from geodrift.solvers.exponential.quadrature import central
from geodrift.solvers.solver import Solver


@dataclass(frozen=True)
class Singlestep(Solver):
    """An exponential integrator with stages.

    Arguments:
        form: Which prediction it integrates, without fresh noise.
        shares: Where the stages after the first are, :math:`r_i`.
        rule: How it integrates the line; only the exact integral has order three.
    """

    form: Form
    shares: tuple[float, ...]
    rule: Rule = central

    @property
    def stages(self) -> int:  # type: ignore[override]
        return len(self.shares) + 1

    def admit(self, process: Process, times: Tensor) -> None:
        Law(self.form).admit(process, times)

    def step(
        self, denoise: Denoise, z: Any, t: Tensor, s: Tensor, carry: Any, rng: Streams, cond: Conditions | None = None
    ) -> tuple[Any, Any]:
        process, law = denoise.process, Law(self.form, self.rule)
        assert process.clock is not None
        known = first = Known(z, (t,), (law.values(process, denoise(z, t, cond), z, t),))
        for share in self.shares:
            when = between(process.clock, t, s, share)
            there = process.advance(law.stage, known, z, t, when, rng)
            known = first.add((when,), (law.values(process, denoise(there, when, cond), there, when),))
        return process.advance(law.step, known, z, t, s, rng), carry


def between(clock: Schedule, t: Tensor, s: Tensor, share: float) -> Tensor:
    """The time at a share of a step's log-SNR; of its :math:`\\alpha / \\sigma` if it starts without signal."""
    now, then = clock.log_snr(t), clock.log_snr(s)
    inside = torch.where(torch.isinf(now), then + math.log(share), now + share * (then - now))
    return clock.time(inside).to(t)
