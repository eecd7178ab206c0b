r"""Exponential integrators with a memory: one prediction a step, and those of the last steps.

The polynomial through the last :math:`k` predictions is integrated exactly, which gives the order :math:`k`. The first
steps, which have nothing to remember, are of lower order.

References:
    | DPM-Solver++ (Lu et al., 2022), https://arxiv.org/abs/2211.01095
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from geodrift.denoiser import Conditions, Denoise
from geodrift.processes import Process
from geodrift.rng import Streams
from geodrift.solvers.exponential.forms import Form
from geodrift.solvers.exponential.law import Known, Law, Rule
from geodrift.solvers.exponential.quadrature import central
from geodrift.solvers.solver import Solver


@dataclass(frozen=True)
class Multistep(Solver):
    """An exponential integrator that remembers.

    Arguments:
        form: Which prediction it integrates.
        order: How many predictions it uses.
        settle: Steps that end at or below this time are of order one, which a coarse grid may need at its end.
        rule: How it integrates a line: by its value in the middle, as DPM-Solver does, or exactly, as MR Sampler does.
    """

    form: Form
    order: int
    settle: float = 0.0
    rule: Rule = central
    stages: int = 1

    def admit(self, process: Process, times: Tensor) -> None:
        Law(self.form).admit(process, times)

    def init(self, z: Any, rng: Streams) -> Any:
        return (), ()

    def step(
        self, denoise: Denoise, z: Any, t: Tensor, s: Tensor, carry: Any, rng: Streams, cond: Conditions | None = None
    ) -> tuple[Any, Any]:
        process, law = denoise.process, Law(self.form, self.rule)
        # The prediction itself, which keeps the network's output alive, ends here.
        known = Known(z, (t,), (law.values(process, denoise(z, t, cond), z, t),))
        times, values = carry
        more = 0 if self.settle and bool((s <= self.settle).all()) else self.order - 1
        z = process.advance(law.step, known.add(times[:more], values[:more]), z, t, s, rng)
        return z, tuple(kept[: self.order - 1] for kept in (known.times + times, known.values + values))
