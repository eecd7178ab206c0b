r"""Methods that choose their own steps, each sample for itself.

A pair of methods of two orders tries a step of size `h` and takes their difference for its error,

.. math:: E^2 = \mathrm{mean}\left(\frac{z^{high} - z^{low}}{\max(a, r\,|z^{low}|, r\,|z|)}\right)^2,

over the elements of a sample, of the worst of its fields. The step counts where :math:`E \le 1`; the next one is
:math:`0.9\,h\,E^{-1/k}`, with :math:`k` the order of the better method. Every sample is at a time of its own and does
not depend on its batch; those that have arrived wait.

References:
    | Solving Ordinary Differential Equations I (Hairer, Nørsett, Wanner, 1993), II.4, https://doi.org/10.1007/978-3-540-78862-1
    | DPM-Solver (Lu et al., 2022), appendix C, https://arxiv.org/abs/2206.00927
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from geodrift.denoiser import Conditions, Denoise, samples
from geodrift.errors import InputError
from geodrift.layout import Dense, trailing
from geodrift.processes import Flow, Given, Process
from geodrift.rng import Streams
from geodrift.solvers.solver import Solver, continuous
from geodrift.state import State

_SAFETY, _SHRINK, _GROW = 0.9, 0.2, 5.0
_REACH = 1.01  # a step this much longer ends the interval, so that no remainder is left that rounding swallows
_TRIALS = 10_000


class Trial(NamedTuple):
    """A step by both methods, and what the next step may start from."""

    high: Any
    low: Any
    last: Any


class Pair(ABC):
    """Two methods that share their predictions."""

    order: int
    """The order of the better one."""
    calls: int
    """Predictions of a step after the first."""

    @abstractmethod
    def admit(self, process: Process, times: Tensor) -> None:
        """Raise `InputError` where the pair cannot move this process."""

    @abstractmethod
    def clock(self, process: Process, t: Tensor) -> Tensor:
        """What a step is measured in, rising from the source to the data."""

    @abstractmethod
    def time(self, process: Process, x: Tensor) -> Tensor:
        """The inverse of `clock`."""

    @abstractmethod
    def first(self, denoise: Denoise, z: Any, t: Tensor, cond: Conditions | None) -> Any:
        """What a step starts from: a prediction or a slope at `t`."""

    @abstractmethod
    def trial(self, denoise: Denoise, z: Any, t: Tensor, s: Tensor, known: Any, cond: Conditions | None) -> Trial:
        """A step from the times `t` to `s`, `(B,)` each; `last` is what the next step starts from, if that is known."""


class Progress(NamedTuple):
    """What is remembered.

    Arguments:
        h: The step to try next, in the pair's clock, `(B,)`.
        calls: Network calls so far.
    """

    h: Tensor
    calls: int


@dataclass(frozen=True)
class Adaptive(Solver):
    """Integrates from one time of the grid to the next, to a tolerance.

    Arguments:
        pair: The two methods.
        rtol: Relative tolerance of a step, :math:`r`.
        atol: Absolute tolerance, :math:`a`, in units of the state.
        start: The first step, in the pair's clock.
    """

    pair: Pair
    rtol: float = 1e-3
    atol: float = 1e-3
    start: float = 0.05
    stages: int = 0  # as many as it takes

    def admit(self, process: Process, times: Tensor) -> None:
        continuous(process, "an adaptive method")
        for name, part in process.leaves.items():
            if not isinstance(part, (Flow, Given)):
                raise InputError(f"an adaptive method has no steps for the jumps of field {name} ({part}); choose heun")
        self.pair.admit(process, times)

    def init(self, z: Any, rng: Streams) -> Progress:
        return Progress(torch.full((samples(z),), self.start, dtype=torch.float64, device=z.device), 0)

    def step(
        self, denoise: Denoise, z: Any, t: Tensor, s: Tensor, carry: Any, rng: Streams, cond: Conditions | None = None
    ) -> tuple[Any, Any]:
        pair, process, (h, calls) = self.pair, denoise.process, carry
        begin, end = (pair.clock(process, u.double().to(h.device)).expand_as(h) for u in (t, s))
        x, known = begin, None
        for _ in range(_TRIALS):
            waiting = x >= end
            if bool(waiting.all()):
                return z, Progress(h, calls)
            # A sample that has arrived repeats the whole step, which is not kept: every number stays finite.
            start = torch.where(waiting, begin, x)
            last = x + _REACH * h >= end
            there = torch.where(last, end, x + h)
            now, then = (pair.time(process, u).to(torch.get_default_dtype()) for u in (start, there))
            if known is None:
                known, calls = pair.first(denoise, z, now, cond), calls + 1
            trial = pair.trial(denoise, z, now, then, known, cond)
            error = deviation(trial, z, self.atol, self.rtol)
            kept = (error <= 1) & ~waiting
            if bool(kept.any()):
                known = None if trial.last is None else choose(kept, trial.last, known)
            z, h = choose(kept, trial.high, z), torch.where(waiting, h, self._next(h, end - x, last, error))
            x, calls = torch.where(kept, there, x), calls + pair.calls
        raise InputError(f"an adaptive method did not arrive in {_TRIALS} steps; raise rtol ({self.rtol:g})")

    def _next(self, h: Tensor, left: Tensor, last: Tensor, error: Tensor) -> Tensor:
        """The next step; a last one, cut short by the end of the interval, does not shorten it."""
        factor = (_SAFETY * error.double() ** (-1 / self.pair.order)).nan_to_num(_SHRINK).clamp(_SHRINK, _GROW)
        return torch.where(last & (error <= 1), torch.maximum(h, left * factor), torch.where(last, left, h) * factor)


def deviation(trial: Trial, z: Any, atol: float, rtol: float) -> Tensor:
    """The error of each sample in units of the tolerance, `(B,)`."""

    def squares(high: Tensor, low: Tensor, z: Tensor) -> Tensor:
        return torch.square((high - low) / (rtol * torch.maximum(low.abs(), z.abs())).clamp(min=atol))

    if not isinstance(z, State):
        return Dense().mean(squares(trial.high, trial.low, z)).sqrt()
    parts = z.map(lambda now, high, low: squares(high, low, now), trial.high, trial.low)
    return torch.stack([z.layouts[name].mean(v) for name, v in parts.items()]).amax(0).sqrt()


def choose(kept: Tensor, new: Any, old: Any) -> Any:
    """The new state of the samples that are kept, the old one of the others."""
    if not isinstance(new, State):
        return torch.where(trailing(kept, new), new, old)
    fields = {name: torch.where(new.layouts[name].expand(kept, z), z, old[name]) for name, z in new.items()}
    return State(fields, new.layouts)
