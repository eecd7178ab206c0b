r"""The one loop from noise to data.

A run of :math:`N` steps asks for predictions at the :math:`N` times of its grid: the solver moves between them and the
process turns the last prediction into data, so a one-stage solver costs exactly :math:`N` network calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from geodrift.denoiser import Conditions, Denoise
from geodrift.rng import Streams
from geodrift.solvers.grids import Grid, Uniform
from geodrift.solvers.solver import Solver
from geodrift.state import State


@lru_cache(maxsize=4096)
def _instant(t: float) -> Tensor:
    """One tensor for a time, so that what a schedule remembers of it serves every run on the same grid."""
    with torch.inference_mode(False):
        return torch.tensor(t, dtype=torch.float64)


@torch.no_grad()
def sample(
    denoise: Denoise,
    like: Any,
    solver: Solver,
    rng: Streams,
    *,
    steps: int = 50,
    grid: Grid | None = None,
    cond: Conditions | None = None,
    watch: Callable[[int, Any], None] | None = None,
) -> Any:
    """Generate data shaped like `like`.

    Arguments:
        denoise: A denoiser, trained, guided or exact.
        like: A state (or tensor) with the shapes and layouts to generate; its values are not used.
        solver: The rule for one step.
        rng: One stream for each sample.
        steps: Network evaluations of a one-stage solver.
        grid: Where to place the times; equal steps by default.
        cond: Conditions, `(B,)` each.
        watch: Called with the index of each finished step and the state.

    Returns:
        Data values: classes for categorical fields, real numbers for continuous ones.

    Raises:
        InputError: When the solver cannot move this process, or not on this grid.
    """
    if isinstance(like, State):
        like.check()
    process = denoise.process
    times = [_instant(t) for t in (grid or Uniform())(steps, process).tolist()]
    solver.admit(process, torch.stack(times))
    # Neither a name here nor a decorator there: they would keep the start beside the state until the end.
    start = partial(process.prior, process.enter(like, cond or {}), rng, times[0])
    return solve(denoise, start(), solver, rng, times, cond, watch)


def solve(
    denoise: Denoise,
    z: Any,
    solver: Solver,
    rng: Streams,
    times: Sequence[Tensor] | Tensor,
    cond: Conditions | None = None,
    watch: Callable[[int, Any], None] | None = None,
) -> Any:
    """The data that a state `z` at the first of these times becomes; arguments and result are those of `sample`."""
    carry = solver.init(z, rng)
    for index, (t, s) in enumerate(pairwise(times)):
        z, carry = solver.step(denoise, z, t, s, carry, rng, cond)
        if watch is not None:
            watch(index, z)
    process = denoise.process
    return process.leave(process.finish(denoise(z, times[-1], cond), z, rng), cond or {})
