r"""Times chosen for a model.

A step from :math:`t` to :math:`s` that starts on the exact trajectory makes the local error
:math:`e(t, s) = \lVert \Phi_{t \to s}(z_t) - z_s \rVert`. Over the times of a fine grid these errors are the lengths
of edges, and the :math:`N` times with the least sum are the shortest path of :math:`N - 1` edges from the first time to
the last. From there single times move as long as the error at the end, of the whole run with all its memory, falls.
Other numbers of steps take the logarithm of the time, between the trained ones, linearly in the share of the steps.

References:
    | Learning to Efficiently Sample from Diffusion Probabilistic Models (Watson et al., 2021), https://arxiv.org/abs/2106.03802
    | Align Your Steps (Sabour et al., 2024), https://arxiv.org/abs/2404.14507
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from geodrift.denoiser import Denoise
from geodrift.errors import InputError
from geodrift.processes import Process
from geodrift.rng import Streams
from geodrift.solvers.grids.grid import Grid, grids, shares
from geodrift.solvers.solver import Solver
from geodrift.state import State

_MOVES = (-8, -4, -2, -1, 1, 2, 4, 8)


@grids.register("trained")
@dataclass(frozen=True)
class Trained(Grid):
    """These times, at every number of steps.

    Arguments:
        times: Times in decreasing order, in (0, 1], as shares of the first, which is one.
    """

    times: tuple[float, ...]

    def __post_init__(self) -> None:
        if self.times[:1] != (1,) or any(t <= s for t, s in pairwise((*self.times, 0.0))):
            raise InputError(f"grid trained: times {list(self.times)} must fall from one and stay above zero")

    def place(self, steps: int, process: Process) -> Tensor:
        log = np.log(np.array(self.times))
        known = np.linspace(1, 0, len(log))
        return torch.exp(torch.from_numpy(np.interp(shares(steps).numpy(), known[::-1], log[::-1])))


@torch.no_grad()
def train_grid(denoise: Denoise, solver: Solver, z: Any, fine: Tensor, steps: int, rng: Streams) -> Trained:
    """The `steps` times of a fine grid with the least error.

    Arguments:
        denoise: The denoiser to sample with.
        solver: The solver.
        z: States at the first time, for one drawn from the prior.
        fine: Candidates, decreasing, `(M,)`: the reference steps from each to the next, and a step is tried between any
            two: :math:`M^2 / 2` of them.
        steps: How many times to choose.
        rng: One stream for each sample.
    """
    path = [z]
    for t, s in pairwise(fine):
        path.append(solver.step(denoise, path[-1], t, s, solver.init(z, rng), rng)[0])
    length = torch.full((len(fine), len(fine)), torch.inf, dtype=torch.float64)
    for i, t in enumerate(fine[:-1]):
        for j in range(i + 1, len(fine)):
            moved = solver.step(denoise, path[i], t, fine[j], solver.init(z, rng), rng)[0]
            length[i, j] = _distance(denoise.process, moved, path[j], fine[j])

    def error(places: list[int]) -> float:
        end, carry = z, solver.init(z, rng)
        for t, s in pairwise(fine[places]):
            end, carry = solver.step(denoise, end, t, s, carry, rng)
        return float(_distance(denoise.process, end, path[-1], fine[-1]))

    chosen = _polished(error, _shortest(length, steps))
    return Trained(tuple((fine[chosen] / fine[0]).tolist()), first=float(fine[0]))


def _distance(process: Process, z: Any, true: Any, t: Tensor) -> Tensor:
    """How far apart two states look to the network, which sees unit variance at every time."""
    a, b = (process.inputs(state, t) for state in (z, true))
    pairs = [(a[name], b[name]) for name in a] if isinstance(a, State) else [(a, b)]
    return torch.stack([torch.square(u - v).mean() for u, v in pairs]).sum().sqrt()


def _shortest(length: Tensor, steps: int) -> list[int]:
    """The places of the shortest path with this many nodes from the first place to the last."""
    so_far, back = length[0], []
    for _ in range(steps - 2):
        so_far, before = (so_far[:, None] + length).min(0)
        back.append(before)
    path = [len(length) - 1]
    for before in reversed(back):
        path.append(int(before[path[-1]]))
    return [0, *reversed(path)]


def _polished(error: Callable[[list[int]], float], places: list[int]) -> list[int]:
    """Move one place after the other, as long as the error falls."""
    best, improved = error(places), True
    while improved:
        improved = False
        for k in range(1, len(places) - 1):
            for by in _MOVES:
                moved = places[k] + by
                tried = [*places[:k], moved, *places[k + 1 :]]
                if places[k - 1] < moved < places[k + 1] and (found := error(tried)) < best:
                    places, best, improved = tried, found, True
    return places
