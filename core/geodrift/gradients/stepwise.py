r"""Gradients of a function of a sample: with respect to its start, to conditions and to the weights of the network.

`sample` keeps nothing for a backward pass. `differentiable` moves a state from the first to the last of some times
such that the result can be differentiated, in a way that trades memory for work:

* `Direct`: every step is recorded, memory grows with the steps;
* `Checkpointed`: the states between steps are kept and each step is computed again; the same gradient to the bit;
* `Reversible`: reversible Heun undoes its steps on the way back; the exact gradient of what it computed, memory
  constant in the steps;
* `Adjoint`: the continuous adjoint, memory constant, an approximation that agrees with the discrete gradient to the
  order of the method.

Memory is that of recorded activations of the network; states and weights there are in any case.

References:
    | Training Deep Nets with Sublinear Memory Cost (Chen et al., 2016), https://arxiv.org/abs/1604.06174
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from torch import Tensor
from torch.utils.checkpoint import checkpoint

from geodrift.denoiser import Conditions, Denoise
from geodrift.rng import Streams
from geodrift.solvers import Solver, rk4
from geodrift.state import State


class Gradient(ABC):
    """A way to differentiate a sampler."""

    @abstractmethod
    def run(self, denoise: Denoise, z: Any, times: Tensor, rng: Streams, cond: Conditions) -> Any:
        """The state at the last of the times, with a gradient."""


def differentiable(
    denoise: Denoise,
    z: Any,
    times: Tensor,
    way: Gradient,
    rng: Streams,
    cond: Conditions | None = None,
) -> Any:
    """Move a state from the first to the last of some times, so that the result has a gradient.

    Arguments:
        denoise: A denoiser, trained, guided or exact; the weights of the module in it get gradients.
        z: The state at the first time, a tensor `(B, ...)` or a state.
        times: Decreasing, from one towards zero.
        way: How the gradient is found.
        rng: One stream for each sample; the same streams give the same sample.
        cond: Conditions, `(B,)` each.

    Returns:
        The state at the last time; `denoise` of it is the prediction of the data.

    Raises:
        InputError: When the method cannot move this process, or not on these times.
    """
    if isinstance(z, State):
        z.check()
    return way.run(denoise, z, times.to(z.device), rng, cond or {})


@dataclass(frozen=True)
class Direct(Gradient):
    """All steps recorded.

    Arguments:
        solver: Any solver.
    """

    solver: Solver = rk4()  # noqa: RUF009 - frozen

    def run(self, denoise: Denoise, z: Any, times: Tensor, rng: Streams, cond: Conditions) -> Any:
        self.solver.admit(denoise.process, times)
        carry = self.solver.init(z, rng.at(0))
        for index, (t, s) in enumerate(pairwise(times), 1):
            z, carry = self.advance(denoise, z, t, s, carry, rng.at(index), cond)
        return z

    def advance(
        self, denoise: Denoise, z: Any, t: Tensor, s: Tensor, carry: Any, rng: Streams, cond: Conditions
    ) -> tuple[Any, Any]:
        """One step."""
        return self.solver.step(denoise, z, t, s, carry, rng, cond)


@dataclass(frozen=True)
class Checkpointed(Direct):
    """States kept between steps, and each step computed once more on the way back."""

    def advance(
        self, denoise: Denoise, z: Any, t: Tensor, s: Tensor, carry: Any, rng: Streams, cond: Conditions
    ) -> tuple[Any, Any]:
        def again(z: Any, carry: Any, cond: Conditions) -> tuple[Any, Any]:
            # Streams count their draws: a copy from the beginning, so that the second time draws the same.
            return self.solver.step(denoise, z, t, s, carry, rng.to(z.device), cond)

        moved: tuple[Any, Any] = checkpoint(again, z, carry, cond, use_reentrant=False, preserve_rng_state=False)
        return moved
