r"""Regression onto the path: draw data, a time and noise, and compare the network's output with what made the state.

One objective is denoising score matching, flow matching, cross-entropy of discrete flows and the Bayesian flow bound:
the process says what the error is. Elementwise errors are averaged over each sample's own elements, then over samples.
Times are stratified over the batch, which leaves their law as it is and lowers the variance of the loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from geodrift.conditioning import drop
from geodrift.couplings import Coupling, Independent
from geodrift.denoiser import Conditions, Denoiser, samples
from geodrift.errors import unknown
from geodrift.objectives.objective import Loss, Objective, objectives
from geodrift.objectives.times import LATEST, TimeLaw, Uniform
from geodrift.processes import Draw
from geodrift.registry import Share
from geodrift.rng import Streams
from geodrift.state import State


def _begun(t: Tensor, steps: int | None) -> Tensor:
    """The times at which the steps that these fall in begin, of a process that is made of steps."""
    return t if steps is None else torch.ceil(t * steps) / steps


@objectives.register("matching")
@dataclass(frozen=True)
class Matching(Objective):
    """The matching objective.

    Arguments:
        times: The law of training times.
        weights: Weight of each field; one where none is given.
        condition_dropout: Probability that a sample is trained without its conditions.
        coupling: How the source is paired with the data.

    Raises:
        InputError: When the latest time is one at which the target of the process is infinite.
    """

    times: TimeLaw = field(default_factory=Uniform)
    weights: Mapping[str, float] = field(default_factory=dict)
    condition_dropout: Share = 0.1
    coupling: Coupling = field(default_factory=Independent)

    def __call__(self, denoiser: Denoiser, x: Any, cond: Conditions, rng: Streams) -> Loss:
        process = denoiser.process
        process.admit(self.times.place(LATEST).float())
        t = _begun(self.times.stratified(samples(x), x.device, rng), process.steps)
        x = process.enter(x.check() if isinstance(x, State) else x, cond)
        draw = process.corrupt(x, t, rng, self.coupling.pair(process, x, cond, rng))
        seen = drop(self.coupling.left(cond), self.condition_dropout, rng, process.anchors)
        errors = self.errors(denoiser, draw, t, seen)
        parts = {"loss": errors.mean()} if isinstance(errors, Tensor) else self._parts(errors)
        total = torch.stack([self.weights.get(name, 1.0) * part for name, part in parts.items()]).sum()
        return Loss(total, {name: part.detach() for name, part in parts.items()})

    def errors(self, denoiser: Denoiser, draw: Draw, t: Tensor, cond: Conditions) -> Any:
        """The elementwise error of the network on this draw."""
        return denoiser.process.loss(denoiser.raw(draw.z, t, cond), draw)

    def _parts(self, errors: State) -> dict[str, Tensor]:
        for name in self.weights:
            if name not in errors:
                raise unknown("field to weigh", name, errors)
        return {name: errors.layouts[name].mean(error).mean() for name, error in errors.items()}
