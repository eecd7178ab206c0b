r"""Symmetric splitting of the reverse SDE.

The linear part :math:`dz = f z\,dt + g\,d\bar W` is solved exactly backwards, the score's part
:math:`dz = -g^2 \nabla \log p\,dt` between two half steps of the first: Strang's splitting. The published S4 solver
evaluates the score once, before the first half step, and shares it with a Langevin corrector, which makes it a method
of first order with one call a step; with the score's part solved by the midpoint rule at the middle time the order is
two. The variance of the half step of a variance-preserving path is :math:`e^{B} - 1`, not :math:`1 - e^{-B}`.

References:
    | Score-based Generative Modeling of Graphs via the System of SDEs (Jo et al., 2022), appendix D, https://arxiv.org/abs/2202.02514
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from geodrift.denoiser import Conditions, Denoise
from geodrift.errors import InputError
from geodrift.kernel import Delta, Kernel
from geodrift.layout import Layout, trailing
from geodrift.processes import Process, has_score
from geodrift.registry import NotNegative
from geodrift.rng import Streams
from geodrift.solvers.langevin import Langevin
from geodrift.solvers.solver import Solver, scored, solvers

_LEAST_SIGNAL = 1e-6


def _splits(process: Process, times: Tensor, solver: str) -> None:
    """Raise `InputError` where the linear part of the SDE cannot be run backwards."""
    scored(process, solver)
    process.admit(times)
    for part in process.leaves.values():
        if has_score(part) and not part.splits:
            raise InputError(f"{solver} splits a linear SDE and {type(part).__name__} is none; choose euler-maruyama")
        if has_score(part) and part.schedule.alpha(times[0]) < _LEAST_SIGNAL:
            raise InputError(f"{solver} divides by the signal and {part.schedule} has none at the source; choose heun")


def _linear(part: Process, p: Any, z: Tensor, t: Tensor, s: Tensor, layout: Layout) -> Kernel:
    return part.reverse_linear(z, t, s) if has_score(part) else Delta(z)


@dataclass(frozen=True)
class _Pull:
    """The drift of the score predicted at a point `at` of the step (0 its begin, 1 its end), over a `share` of it.

    Classes jump with the whole step.
    """

    at: float
    share: float = 1.0

    def __call__(self, part: Process, p: Any, z: Tensor, t: Tensor, s: Tensor, layout: Layout) -> Kernel:
        if has_score(part):
            when, step = t + self.at * (s - t), self.share * trailing(s - t, z)
            return Delta(z - step * part.diffusion(z, when) * part.score(p, z, when))
        return part.kernel(p, z, t, s) if self.share == 1 else Delta(z)


@solvers.register("s4")
@dataclass(frozen=True)
class S4(Solver):
    """The published splitting: one prediction a step, shared with a Langevin corrector, order 1.

    Arguments:
        snr: Ratio of signal to noise of the corrector; zero leaves it out.
        temperature: Scale of the corrector's noise.
    """

    snr: NotNegative = 0.16
    temperature: NotNegative = 1.0
    stages: int = 1

    def admit(self, process: Process, times: Tensor) -> None:
        _splits(process, times, "s4")

    def step(
        self, denoise: Denoise, z: Any, t: Tensor, s: Tensor, carry: Any, rng: Streams, cond: Conditions | None = None
    ) -> tuple[Any, Any]:
        process, middle = denoise.process, (t + s) / 2
        p = denoise(z, t, cond)
        if self.snr:
            z = process.advance(Langevin(self.snr, self.temperature).law, p, z, t, t, rng)
        z = process.advance(_linear, p, z, t, middle, rng)
        z = process.advance(_Pull(0.0), p, z, t, s, rng)
        return process.advance(_linear, p, z, middle, s, rng), carry


@solvers.register("strang")
@dataclass(frozen=True)
class Strang(Solver):
    """The symmetric splitting with the score's part by the midpoint rule: two predictions a step, order 2."""

    stages: int = 2

    def admit(self, process: Process, times: Tensor) -> None:
        _splits(process, times, "strang")

    def step(
        self, denoise: Denoise, z: Any, t: Tensor, s: Tensor, carry: Any, rng: Streams, cond: Conditions | None = None
    ) -> tuple[Any, Any]:
        process, middle = denoise.process, (t + s) / 2
        z = process.advance(_linear, z, z, t, middle, rng)
        half = process.advance(_Pull(0.5, 0.5), denoise(z, middle, cond), z, t, s, rng)
        z = process.advance(_Pull(0.5), denoise(half, middle, cond), z, t, s, rng)
        return process.advance(_linear, z, z, middle, s, rng), carry
