r"""Exponential pairs: the singlestep method with stages at :math:`r_i`, and the one that stops a stage earlier.

References:
    | DPM-Solver (Lu et al., 2022), appendix C, https://arxiv.org/abs/2206.00927
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from geodrift.denoiser import Conditions, Denoise
from geodrift.errors import InputError
from geodrift.processes import Process
from geodrift.registry import Positive
from geodrift.schedules import Schedule
from geodrift.solvers.adaptive.adaptive import Adaptive, Pair, Trial
from geodrift.solvers.exponential.forms import Data, Form, Noise
from geodrift.solvers.exponential.law import Known, Law
from geodrift.solvers.exponential.names import STAGES
from geodrift.solvers.exponential.quadrature import exact
from geodrift.solvers.exponential.singlestep import between
from geodrift.solvers.solver import solvers


@dataclass(frozen=True)
class Exponential(Pair):
    """Exponential methods of this order and of the order below, in log-SNR.

    Arguments:
        form: Which prediction they integrate.
        order: Two or three.
    """

    form: Form
    order: int

    @property
    def calls(self) -> int:  # type: ignore[override]
        return self.order - 1

    def admit(self, process: Process, times: Tensor) -> None:
        Law(self.form).admit(process, times)
        if not bool(_schedule(process).log_snr(times[0]).isfinite()):
            raise InputError(
                "an adaptive exponential method cannot start without signal; start the grid at first = 0.999"
            )

    def clock(self, process: Process, t: Tensor) -> Tensor:
        return _schedule(process).log_snr(t)

    def time(self, process: Process, x: Tensor) -> Tensor:
        return _schedule(process).time(x)

    def first(self, denoise: Denoise, z: Any, t: Tensor, cond: Conditions | None) -> Any:
        return Law(self.form).values(denoise.process, denoise(z, t, cond), z, t)

    def trial(self, denoise: Denoise, z: Any, t: Tensor, s: Tensor, known: Any, cond: Conditions | None) -> Trial:
        process, law, start = denoise.process, Law(self.form, exact), Known(z, (t,), (known,))
        before = best = start
        for share in STAGES[self.order]:
            when = between(_schedule(process), t, s, share)
            there = _moved(process, law, best, t, when)
            before, best = best, start.add((when,), (self.first(denoise, there, when, cond),))
        return Trial(_moved(process, law, best, t, s), _moved(process, law, before, t, s), None)


def _schedule(process: Process) -> Schedule:
    assert process.clock is not None
    return process.clock


def _moved(process: Process, law: Law, known: Known, t: Tensor, s: Tensor) -> Any:
    return process.space.project(process.each(law.stage, known, known.z, t, s).mode)


def _pair(form: type[Form], order: int) -> Callable[..., Adaptive]:
    def build(rtol: Positive = 1e-3, atol: Positive = 1e-3) -> Adaptive:
        return Adaptive(Exponential(form(), order), rtol, atol)

    return build


for family, form in (("dpm", Noise), ("dpm++", Data)):
    for order in STAGES:
        solvers.register(f"{family}-{order - 1}{order}")(_pair(form, order))
