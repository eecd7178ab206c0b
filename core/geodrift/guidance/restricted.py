r"""Beliefs about some of the classes only: conditions that hold exactly.

.. math:: \tilde p(k) \propto p(k)\,\mathbb{1}[k \in A]

for every entry with its own set :math:`A`. Everything that a solver does to classes starts from the belief, and data
are drawn from the last one, so that no sample has a class outside of its sets. It is the exact posterior of one entry
under the condition; entries stay independent given the state, as they are without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from geodrift.denoiser import Conditions, Denoise
from geodrift.errors import InputError
from geodrift.prediction import Belief
from geodrift.processes import Predictions


class Restricted:
    """A denoiser of states whose entries may have some of their classes only.

    Arguments:
        denoise: Any denoiser of states.
        allowed: For each field that is restricted, true for the classes that an entry may have, `(..., K)`.

    Raises:
        InputError: When the process of such a field holds no beliefs about classes.
    """

    def __init__(self, denoise: Denoise, allowed: Mapping[str, Tensor]) -> None:
        self.denoise, self.process, self.allowed = denoise, denoise.process, allowed
        for name in allowed:
            if not self.process.leaves[name].categorical:
                kind = type(self.process.leaves[name]).__name__
                raise InputError(f"classes of {name} cannot be restricted: {kind} holds no beliefs about them")

    def __call__(self, z: Any, t: Any, cond: Conditions | None = None) -> Any:
        free = self.denoise(z, t, cond)
        return Predictions({**free, **{name: _within(free[name], these) for name, these in self.allowed.items()}})


def _within(belief: Belief, allowed: Tensor) -> Belief:
    """The belief given that the class is among these; even among them where it excludes them all."""
    inside = torch.where(allowed, belief.log_probs, -torch.inf)
    lost = torch.isneginf(inside).all(-1, keepdim=True)
    return replace(belief, log_probs=torch.log_softmax(torch.where(lost & allowed, 0.0, inside), -1))
