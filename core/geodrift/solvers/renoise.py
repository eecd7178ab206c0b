r"""Predict the data, and noise them again to the next time.

.. math:: \hat x = x(z_t), \qquad z_s \sim q_s(z_s | \hat x)

A step forgets its state but for what it says about the data: multistep sampling of consistency models, and the sampler
of published Bayesian flows of molecules and crystals. Were the data drawn from their exact law, so would be every
state; classes are, each by itself. Where they are predicted as one value, a mean or an angle, samples keep to the
likely ones: better single guesses, and less of a variety than the data have, at any number of steps.

References:
    | Consistency Models (Song et al., 2023), algorithm 1, https://arxiv.org/abs/2303.01469
    | MolCRAFT: Structure-Based Drug Design in Continuous Parameter Space (Qu et al., 2024), https://arxiv.org/abs/2404.12141
    | A Periodic Bayesian Flow for Material Generation (Wu et al., 2025), https://arxiv.org/abs/2502.02016
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from geodrift.denoiser import Conditions, Denoise
from geodrift.rng import Streams
from geodrift.solvers.solver import Solver, solvers


@solvers.register("renoise")
@dataclass(frozen=True)
class Renoise(Solver):
    """Noises the predicted data again, at every step."""

    stages: int = 1

    def step(
        self, denoise: Denoise, z: Any, t: Tensor, s: Tensor, carry: Any, rng: Streams, cond: Conditions | None = None
    ) -> tuple[Any, Any]:
        process = denoise.process
        x = process.finish(denoise(z, t, cond), z, rng)
        return process.corrupt(x, s, rng).z, carry
