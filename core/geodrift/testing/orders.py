r"""How fast the error of a solver vanishes.

The strong order of a deterministic method is measured on one trajectory. The weak order of a stochastic one is
measured without sampling: on Gaussian data every step is affine in the state and in its noise,
:math:`z_s = A z_t + b + \sum_d C_d \varepsilon_d`, so that a batch of probes, each with one unit of one noise, gives
the exact mean and variance of the whole run.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor

from geodrift.denoiser import Denoise
from geodrift.layout import Layout
from geodrift.rng import Streams
from geodrift.solvers import Solver


class Moments(NamedTuple):
    """Mean and variance."""

    mean: Tensor
    variance: Tensor


class Probe(Streams):
    """Noise that is one for a single draw of each sample and zero otherwise: sample `r + 2` has draw `r`."""

    def __init__(self, draws: int) -> None:
        super().__init__(torch.zeros(draws + 2, dtype=torch.int64))

    def on(self, layout: Layout) -> Streams:
        return self

    def normal(self, like: Tensor) -> Tensor:
        self._draws += 1
        unit = torch.zeros_like(like)
        unit[self._draws + 1] = 1
        return unit


def run(solver: Solver, denoise: Denoise, z: Any, times: Tensor, rng: Streams) -> Any:
    """The state after a step between each two times."""
    carry = solver.init(z, rng)
    for t, s in pairwise(times):
        z, carry = solver.step(denoise, z, t, s, carry, rng)
    return z


def propagate(solver: Solver, denoise: Denoise, start: Moments, times: Tensor, draws: int) -> Moments:
    """Exact moments of one number, on Gaussian data, after steps that draw `draws` normal numbers each."""
    rng = Probe(draws * (len(times) - 1))
    z = torch.zeros(draws * (len(times) - 1) + 2, 1, dtype=times.dtype)
    z[1] = 1
    at_zero, at_one, *noisy = run(solver, denoise, z, times, rng)
    slope = at_one - at_zero
    spread = sum((torch.square(v - at_zero) for v in noisy), start=torch.square(slope) * start.variance)
    return Moments(at_zero + slope * start.mean, spread)


def order(error: Callable[[int], float], steps: tuple[int, ...]) -> float:
    """The slope of the error against the number of steps, by least squares of the logarithms."""
    n = torch.log(torch.tensor(steps, dtype=torch.float64))
    e = torch.log(torch.tensor([error(count) for count in steps], dtype=torch.float64))
    return -float(torch.linalg.lstsq(torch.stack([n, torch.ones_like(n)], 1), e[:, None]).solution[0, 0])
