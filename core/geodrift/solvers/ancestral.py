r"""One draw from the process's own transition law a step.

With :math:`\eta = 0` an affine process takes the deterministic step that is Euler's method in :math:`\sigma / \alpha`
(DDIM); with :math:`\eta = 1` the law is the posterior of its forward process (DDPM). Classes and evidence are drawn
from their own laws.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from geodrift.denoiser import Conditions, Denoise
from geodrift.errors import InputError
from geodrift.kernel import Kernel
from geodrift.layout import Layout
from geodrift.processes import Affine, Bayesian, Process, Wrapped
from geodrift.registry import Share
from geodrift.rng import Streams
from geodrift.solvers.solver import Solver, solvers


@solvers.register("ancestral")
@dataclass(frozen=True)
class Ancestral(Solver):
    """Draws the next state from the transition law.

    Arguments:
        eta: Fresh noise of affine, wrapped and Bayesian processes, 0 (none) to 1 (all of the posterior's).
    """

    eta: Share = 1.0
    stages: int = 1

    def admit(self, process: Process, times: Tensor) -> None:
        affine = [part for part in process.leaves.values() if isinstance(part, Affine)]
        if self.eta and not all(part.scored for part in affine):
            raise InputError("the fresh noise of ancestral is normal and a source of this process is not; set eta = 0")
        super().admit(process, times)

    def law(self, part: Process, p: Any, z: Tensor, t: Tensor, s: Tensor, layout: Layout) -> Kernel:
        """The law of one step."""
        eta = (self.eta,) if isinstance(part, Affine | Bayesian | Wrapped) else ()
        return part.kernel(p, z, t, s, *eta)

    def step(
        self, denoise: Denoise, z: Any, t: Tensor, s: Tensor, carry: Any, rng: Streams, cond: Conditions | None = None
    ) -> tuple[Any, Any]:
        return denoise.process.advance(self.law, denoise(z, t, cond), z, t, s, rng), carry
