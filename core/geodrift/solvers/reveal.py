r"""Stratified unmasking: a masked process in a given number of steps.

Each sample draws one random order of all its masked entries, over all its fields. At time :math:`s` the first share
:math:`\alpha_s` of that order, by the schedule of each field, is revealed, each entry drawn from the prediction. The
entries revealed in one step are drawn independently of one another; with as many steps as entries they come one at a
time, and sampling is exact any-order autoregression, without the spread of the number of jumps that independent jump
times have.

References:
    | Autoregressive Diffusion Models (Hoogeboom et al., 2022), https://arxiv.org/abs/2110.02037
    | Masked Diffusion Models are Secretly Time-Agnostic Masked Models (Zheng et al., 2025), https://arxiv.org/abs/2409.02908
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geodrift.denoiser import Conditions, Denoise
from geodrift.errors import InputError
from geodrift.kernel import Categorical, Delta, Kernel
from geodrift.layout import Layout, Ragged, trailing
from geodrift.processes import Jump, Process
from geodrift.rng import Streams
from geodrift.solvers.solver import Solver, solvers
from geodrift.state import State

_REFUSAL = 'solver "reveal" reveals masked classes and this process has none; choose another solver'
_RAGGED = 'solver "reveal" orders the named, dense or padded fields of a state; choose "ancestral" for anything else'


def _draw(part: Process, p: Any, z: Tensor, t: Tensor, s: Tensor, layout: Layout) -> Kernel:
    return Categorical(p.probs) if isinstance(part, Jump) else part.kernel(p, z, t, s)


def _known(part: Process, p: Any, z: Tensor, t: Tensor, s: Tensor, layout: Layout) -> Kernel:
    """The share of the entries that is known at `s`: all of a field that is not masked."""
    if not isinstance(part, Jump):
        return Delta(torch.ones_like(z))
    if part.states == part.classes:
        raise InputError(_REFUSAL)
    return Delta(part.schedule.alpha(trailing(s, z)).to(z.device).expand(z.shape))


def order(z: Any, rng: Streams) -> State:
    """The place of each class in a random order over all classes of its sample, in (0, 1); zero for real numbers.

    Raises:
        InputError: Without classes, or when a field is ragged or has no name.
    """
    if not isinstance(z, State) or any(isinstance(layout, Ragged) for layout in z.layouts.values()):
        raise InputError(_RAGGED)
    classes = {name: v for name, v in z.items() if not v.is_floating_point()}
    if not classes:
        raise InputError(_REFUSAL)
    one = {name: z.layouts[name].mask(torch.ones_like(v)).flatten(1) for name, v in classes.items()}
    present = torch.cat(list(one.values()), 1)
    keys = torch.cat([rng.on(z.layouts[name]).uniform(v) for name, v in one.items()], 1)
    ranks = torch.where(present > 0, keys, 2.0).argsort(1).argsort(1).double()
    places = torch.split((ranks + 0.5) / present.sum(1, keepdim=True), [v.shape[1] for v in one.values()], 1)
    shaped = {name: place.view_as(z[name]) for name, place in zip(classes, places, strict=True)}
    return z.map(torch.zeros_like).replace(shaped)


@solvers.register("reveal")
@dataclass(frozen=True)
class Reveal(Solver):
    """Unmasks the classes of a product in a random order; fields are dense or padded."""

    stages: int = 1

    def init(self, z: Any, rng: Streams) -> State:
        return order(z, rng)

    def step(
        self, denoise: Denoise, z: Any, t: Tensor, s: Tensor, carry: Any, rng: Streams, cond: Conditions | None = None
    ) -> tuple[Any, Any]:
        p = denoise(z, t, cond)
        drawn, known = (denoise.process.each(rule, p, z, t, s).sample(rng) for rule in (_draw, _known))
        return drawn.map(lambda new, old, place, share: torch.where(place < share, new, old), z, carry, known), carry
