r"""Pairs of source and data that a trained flow joins, to train the next flow on.

The pairs have the laws of source and data, and cost no more to transport than the pairs the flow was trained on, for
every convex cost. A flow trained on them is straighter, and one that is straight takes a single step of Euler's method.
In one dimension the first flow already pairs quantiles, which is optimal; in more it need not be.

References:
    | Flow Straight and Fast: Learning to Generate and Transfer Data with Rectified Flow (Liu et al., 2022), https://arxiv.org/abs/2209.03003
    | Rectified Diffusion: Straightness Is Not Your Need (Wang et al., 2024), https://arxiv.org/abs/2410.07303
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from geodrift.denoiser import Conditions, Denoise
from geodrift.rng import Streams
from geodrift.sampling import solve
from geodrift.solvers.grids import Grid, Uniform
from geodrift.solvers.solver import Solver


class Pairs(NamedTuple):
    """Data and the sources they came from, tensors or states alike: train with the coupling `Paired`."""

    x: Any
    n: Any


@torch.no_grad()
def reflow(
    denoise: Denoise,
    like: Any,
    solver: Solver,
    rng: Streams,
    *,
    steps: int = 50,
    grid: Grid | None = None,
    cond: Conditions | None = None,
) -> Pairs:
    """Draw sources and follow a flow of continuous fields from them to data.

    Arguments:
        denoise: A denoiser of the flow, trained, guided or exact.
        like: A state (or tensor) with the shapes and layouts of the data.
        solver: A solver of the ODE; noise of an SDE would lose the relation of the two.
        rng: One stream for each sample.
        steps: Network evaluations of a one-stage solver.
        grid: Where to place the times; equal steps by default.
        cond: Conditions, `(B,)` each.

    Raises:
        InputError: When a field is not continuous, or the solver cannot move this process on this grid.
    """
    process = denoise.process
    times = (grid or Uniform())(steps, process)
    solver.admit(process, times)
    n = process.partner(process.enter(like, cond or {}), rng)
    return Pairs(solve(denoise, process.start(n, rng, times[0]), solver, rng, times, cond), n)
