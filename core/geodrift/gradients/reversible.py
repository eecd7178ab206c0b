"""The exact gradient of reversible Heun: the way is undone step by step, and each step differentiated again."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from geodrift.brownian import BrownianTree
from geodrift.denoiser import Conditions, Denoise
from geodrift.gradients.constant import Journey, fresh, pull
from geodrift.gradients.stepwise import Gradient
from geodrift.rng import Streams
from geodrift.solvers.reversible import ReversibleHeun, Twin


@dataclass(frozen=True)
class Reversible(Gradient):
    """Gradients by undoing the steps; memory constant in their number.

    Arguments:
        solver: Reversible Heun, of the ODE or of the SDE.
    """

    solver: ReversibleHeun = ReversibleHeun()  # noqa: RUF009 - frozen

    def run(self, denoise: Denoise, z: Any, times: Tensor, rng: Streams, cond: Conditions) -> Any:
        self.solver.admit(denoise.process, times)
        return _Undone(denoise, z, times, cond, self.solver, self.solver.init(z, rng.at(0)).path).arrive(z)


@dataclass(frozen=True, eq=False)
class _Undone(Journey):
    """A run of reversible Heun.

    Arguments:
        solver: The solver.
        path: Its noise.
    """

    solver: ReversibleHeun
    path: BrownianTree

    def forth(self, z: Any) -> tuple[Any, Any]:
        rng, carry = Streams(torch.zeros(0, dtype=torch.int64)), Twin(z, self.path)
        for t, s in pairwise(self.times):
            z, carry = self.solver.step(self.denoise, z, t, s, carry, rng, self.cond)
        return z, carry.z

    def back(self, z: Any, kept: Any, grad: Any) -> tuple[Any, list[Tensor]]:
        twin, others = Twin(kept, self.path), [torch.zeros_like(v) for v in self.inputs]
        along = (*self.unpack(grad), *(torch.zeros_like(v) for v in self.unpack(grad)))
        for s, t in pairwise(self.times.flip(0)):
            z, twin = self.solver.back(self.denoise, z, t, s, twin, self.cond)
            along, more = self._pull(z, twin.z, t, s, along)
            others = [total + part for total, part in zip(others, more, strict=True)]
        half = len(along) // 2
        return self.pack([a + b for a, b in zip(along[:half], along[half:], strict=True)]), others

    def _pull(
        self, z: Any, twin: Any, t: Tensor, s: Tensor, along: tuple[Tensor, ...]
    ) -> tuple[tuple[Tensor, ...], list[Tensor]]:
        """The gradients of the two copies before a step, and of the inputs, from those of the copies after it."""
        with torch.enable_grad():
            one, two = fresh(self.unpack(z)), fresh(self.unpack(twin))
            rng, carry = Streams(torch.zeros(0, dtype=torch.int64)), Twin(self.pack(two), self.path)
            moved, after = self.solver.step(self.denoise, self.pack(one), t, s, carry, rng, self.cond)
            found = pull((*self.unpack(moved), *self.unpack(after.z)), (*one, *two, *self.inputs), along)
        both = 2 * len(one)
        return tuple(found[:both]), found[both:]
