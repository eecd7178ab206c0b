r"""Predict the data, and noise them again to the next time.

.. math:: \hat x = x(z_t), \qquad z_s \sim q_s(z_s | \hat x)

A step forgets its state but for what it says about the data: multistep sampling of consistency models, and the sampler
of published Bayesian flows of molecules and crystals. Were the data drawn from their exact law, so would be every
state; classes are, each by itself. Where they are predicted as one value, a mean or an angle, samples keep to the
likely ones: better single guesses, and less of a variety than the data have, at any number of steps.

What two entries of a field are believed to be alike in, nothing ever parts then. So a field in a vector space may
remember a share :math:`m` of its noise, :math:`z_s = \alpha_s \hat x + \sigma_s (m \hat n + \sqrt{1 - m^2}\,n)` with
:math:`\hat n = (z_t - \alpha_t \hat x) / \sigma_t`, from none to all of it (DDIM); and any field may keep its state
from a time on, and take the steps of its own transition law. Both leave exact laws exact.

References:
    | Consistency Models (Song et al., 2023), algorithm 1, https://arxiv.org/abs/2303.01469
    | Denoising Diffusion Implicit Models (Song et al., 2021), equation 12, https://arxiv.org/abs/2010.02502
    | MolCRAFT: Structure-Based Drug Design in Continuous Parameter Space (Qu et al., 2024), https://arxiv.org/abs/2404.12141
    | A Periodic Bayesian Flow for Material Generation (Wu et al., 2025), https://arxiv.org/abs/2502.02016
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from geodrift.denoiser import Conditions, Denoise
from geodrift.errors import InputError, unknown
from geodrift.processes import Draw, Process, has_score
from geodrift.registry import Inside, Share
from geodrift.rng import Streams
from geodrift.solvers.solver import Solver, solvers
from geodrift.state import State


@solvers.register("renoise")
@dataclass(frozen=True)
class Renoise(Solver):
    """Noises the predicted data again, at every step.

    Arguments:
        kept: For each field of a product that keeps its state, the time from which on it does.
        memory: For each field of a product that remembers its noise, the share of it.
    """

    kept: Mapping[str, Inside] = field(default_factory=dict)
    memory: Mapping[str, Share] = field(default_factory=dict)
    stages: int = 1

    def admit(self, process: Process, times: Tensor) -> None:
        fields = [name for name in process.leaves if name]
        for name in (*self.kept, *self.memory):
            if name not in fields:
                raise unknown("field to renoise", name, fields)
        for name in self.memory:
            part = process.leaves[name]
            if not (has_score(part) and part.linear):
                raise InputError(f"renoise.memory: {name} is no normal noise in a vector space; leave it out")
        super().admit(process, times)

    def step(
        self, denoise: Denoise, z: Any, t: Tensor, s: Tensor, carry: Any, rng: Streams, cond: Conditions | None = None
    ) -> tuple[Any, Any]:
        process, p = denoise.process, denoise(z, t, cond)
        draw = process.corrupt(process.finish(p, z, rng), s, rng)
        kept = [name for name, since in self.kept.items() if s <= since]
        moved = process.space.project(process.kernel(p, z, t, s).sample(rng)) if kept else {}
        known = {name: _recalled(process, name, draw, z, t, share) for name, share in self.memory.items()}
        changed = known | {name: moved[name] for name in kept}
        return draw.z.replace(changed) if changed else draw.z, carry


def _recalled(process: Any, name: str, draw: Draw, z: State, t: Tensor, share: float) -> Tensor:
    """A field of the draw, with so much of the noise that the state has if the data are those of the draw."""
    part, x, times = process.leaves[name], draw.x[name], process.times(t, z)
    now, then = part.at(times[name], x), part.at(draw.t[name], x)
    noise = share * (z[name] - now.alpha * x) / now.sigma + math.sqrt(1 - share**2) * draw.n[name]
    recalled: Tensor = then.alpha * x + then.sigma * noise
    return z.layouts[name].mask(recalled)
