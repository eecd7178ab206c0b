r"""UniPC: a step that is corrected when the prediction at its end is known anyway.

The predictor is the multistep integrator of order :math:`k`. The next step first repeats it with one prediction more,
the one just made at its end, which raises the order to :math:`k + 1` without a network call, and goes on from there.
The weights are exact integrals; the published variants of them agree to the order.

References:
    | UniPC (Zhao et al., 2023), https://arxiv.org/abs/2302.04867
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from geodrift.denoiser import Conditions, Denoise
from geodrift.processes import Process
from geodrift.rng import Streams
from geodrift.solvers.exponential.forms import Form
from geodrift.solvers.exponential.law import Known, Law
from geodrift.solvers.solver import Solver


@dataclass(frozen=True)
class UniPC(Solver):
    """A multistep exponential integrator with its corrector.

    Arguments:
        form: Which prediction it integrates, without fresh noise.
        order: Predictions that the predictor uses; the corrector uses one more.
    """

    form: Form
    order: int
    stages: int = 1

    def admit(self, process: Process, times: Tensor) -> None:
        Law(self.form).admit(process, times)

    def step(
        self, denoise: Denoise, z: Any, t: Tensor, s: Tensor, carry: Any, rng: Streams, cond: Conditions | None = None
    ) -> tuple[Any, Any]:
        process, law = denoise.process, Law(self.form)
        value, before = law.values(process, denoise(z, t, cond), z, t), carry
        times: tuple[Any, ...] = ()
        values: tuple[Any, ...] = ()
        if before is not None:
            z = process.advance(law.stage, before.add((t,), (value,)), z, before.times[0], t, rng)
            times, values = before.times[: self.order - 1], before.values[: self.order - 1]
        known = Known(z, (t, *times), (value, *values))
        return process.advance(law.step, known, z, t, s, rng), known
