r"""Discrete flow matching: Euler's method for the Markov chain that undoes the forgetting.

.. math:: P(z_s = j | z_t) = \delta_{j z_t} + (t - s)\,R(z_t \to j), \qquad j \neq z_t

with the rates of `geodrift.processes.jump`, whose stochasticity and target guidance are the solver's to choose: the
marginals do not depend on the first, and the second trades diversity for fidelity. The probability of leaving is kept
below one by scaling the rates of a state that would leave more than once.

References:
    | Generative Flows on Discrete State-Spaces (Campbell et al., 2024), https://arxiv.org/abs/2402.04997
    | DeFoG: Discrete Flow Matching for Graph Generation (Qin et al., 2025), https://arxiv.org/abs/2410.04263
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from geodrift.denoiser import Conditions, Denoise
from geodrift.kernel import Categorical, Kernel
from geodrift.layout import Layout, trailing
from geodrift.processes import Jump, Process
from geodrift.registry import NotNegative
from geodrift.rng import Streams
from geodrift.solvers.solver import Solver, solvers


@solvers.register("ctmc")
@dataclass(frozen=True)
class CTMC(Solver):
    """Euler steps of the jump chain.

    Arguments:
        eta: Stochasticity, the rate of jumps in detailed balance, per unit time.
        omega: Target guidance, the extra rate towards the predicted class.
    """

    eta: NotNegative = 0.0
    omega: NotNegative = 0.0
    stages: int = 1

    def law(self, part: Process, p: Any, z: Tensor, t: Tensor, s: Tensor, layout: Layout) -> Kernel:
        """The probabilities of one step; the process's own law where it does not jump."""
        if not isinstance(part, Jump):
            return part.kernel(p, z, t, s)
        leave = trailing(t - s, z)[..., None].to(p.log_probs) * part.rate(p, z, t, self.eta, self.omega)
        leave = leave / leave.sum(-1, keepdim=True).clamp(min=1)
        stay = (1 - leave.sum(-1, keepdim=True)).clamp(min=0)
        return Categorical(leave.scatter(-1, z[..., None], stay))

    def step(
        self, denoise: Denoise, z: Any, t: Tensor, s: Tensor, carry: Any, rng: Streams, cond: Conditions | None = None
    ) -> tuple[Any, Any]:
        return denoise.process.advance(self.law, denoise(z, t, cond), z, t, s, rng), carry
