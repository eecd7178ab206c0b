r"""Predict the data, and noise them again to the next time.

.. math:: \hat x = x(z_t), \qquad z_s \sim q_s(z_s | \hat x)

A step forgets its state but for what it says about the data: multistep sampling of consistency models, and the sampler
of published Bayesian flows of molecules and crystals. Were the data drawn from their exact law, so would be every
state; classes are, each by itself. Where they are predicted as one value, a mean or an angle, samples keep to the
likely ones: better single guesses, and less of a variety than the data have, at any number of steps. Classes that must
agree with each other settle later than they would. So a field may keep its state from a time on, and take the steps of
its own transition law while the others are noised again.

References:
    | Consistency Models (Song et al., 2023), algorithm 1, https://arxiv.org/abs/2303.01469
    | MolCRAFT: Structure-Based Drug Design in Continuous Parameter Space (Qu et al., 2024), https://arxiv.org/abs/2404.12141
    | A Periodic Bayesian Flow for Material Generation (Wu et al., 2025), https://arxiv.org/abs/2502.02016
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from geodrift.denoiser import Conditions, Denoise
from geodrift.errors import unknown
from geodrift.processes import Process
from geodrift.registry import Inside
from geodrift.rng import Streams
from geodrift.solvers.solver import Solver, solvers


@solvers.register("renoise")
@dataclass(frozen=True)
class Renoise(Solver):
    """Noises the predicted data again, at every step.

    Arguments:
        kept: For each field of a product that keeps its state, the time from which on it does.
    """

    kept: Mapping[str, Inside] = field(default_factory=dict)
    stages: int = 1

    def admit(self, process: Process, times: Tensor) -> None:
        fields = [name for name in process.leaves if name]
        for name in self.kept:
            if name not in fields:
                raise unknown("field of renoise.kept", name, fields)
        super().admit(process, times)

    def step(
        self, denoise: Denoise, z: Any, t: Tensor, s: Tensor, carry: Any, rng: Streams, cond: Conditions | None = None
    ) -> tuple[Any, Any]:
        process, p = denoise.process, denoise(z, t, cond)
        fresh = process.corrupt(process.finish(p, z, rng), s, rng).z
        kept = [name for name, since in self.kept.items() if s <= since]
        if not kept:
            return fresh, carry
        moved = process.space.project(process.kernel(p, z, t, s).sample(rng))
        return fresh.replace({name: moved[name] for name in kept}), carry
