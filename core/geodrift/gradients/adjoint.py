r"""The continuous adjoint of the probability-flow ODE of affine processes.

The flow is solved in the coordinates in which it is not stiff, :math:`y = z / \alpha` against
:math:`\rho = \sigma / \alpha`, by the classical Runge–Kutta method with the variable :math:`x = \log \rho`:

.. math:: \frac{dy}{d\rho} = \hat n(\alpha y, t), \qquad
   \frac{dw}{d\rho} = -\alpha\,w^\top \frac{\partial \hat n}{\partial z}, \qquad
   \frac{dg}{d\rho} = -w^\top \frac{\partial \hat n}{\partial \theta},

:math:`w` the gradient of :math:`y` and :math:`g` that of the weights and conditions :math:`\theta`. On the way back
:math:`y` is solved again beside :math:`w`, so that nothing of the way is kept; the gradient differs from that of the
discrete steps by their error, of fourth order. `even_noise` places equal steps of :math:`\log \rho`. The fields of a
state follow the :math:`x` of the first that moves.

References:
    | AdjointDPM: Adjoint Sensitivity Method for Gradient Backpropagation of DPMs (Pan et al., 2024), https://arxiv.org/abs/2307.10711
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from geodrift.denoiser import Conditions, Denoise
from geodrift.errors import InputError
from geodrift.gradients.constant import Journey, Tensors, fresh, pull
from geodrift.gradients.stepwise import Gradient
from geodrift.processes import Affine, Given, Process
from geodrift.rng import Streams
from geodrift.schedules import Schedule
from geodrift.spaces import Euclidean
from geodrift.state import State

_LEAST_SIGNAL = 1e-6
_HALVINGS = 60


def affine(process: Process) -> dict[str, Affine]:
    """The fields that move, all of them affine.

    Raises:
        InputError: When one of them is not.
    """
    found = {name: part for name, part in process.leaves.items() if isinstance(part, Affine)}
    for name, part in process.leaves.items():
        if not isinstance(part, Given) and not (name in found and isinstance(part.space, Euclidean)):
            field = f"field {name}" if name else "this process"
            raise InputError(f"the adjoint is that of data plus noise, which {field} ({part}) is not; use Checkpointed")
    if not found:
        raise InputError("this process moves nothing, so nothing has a gradient")
    return found


def even_noise(process: Process, first: float, last: float, steps: int) -> Tensor:
    """The `steps + 1` times from `first` down to `last` between which :math:`\\log(\\sigma / \\alpha)` falls alike."""
    schedule = next(iter(affine(process).values())).schedule
    begin, end = _log_ratio(schedule, torch.tensor([first, last], dtype=torch.float64))
    return _time_of(schedule, torch.linspace(float(begin), float(end), steps + 1, dtype=torch.float64))


def _log_ratio(schedule: Schedule, t: Tensor) -> Tensor:
    at = schedule(t)
    return torch.log(at.sigma) - torch.log(at.alpha)


def _time_of(schedule: Schedule, x: Tensor) -> Tensor:
    """The times at which the logarithm of the noise-to-signal ratio is `x`, by bisection."""
    low, high = torch.zeros_like(x), torch.ones_like(x)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        below = _log_ratio(schedule, middle) < x
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return (low + high) / 2


@dataclass(frozen=True)
class Adjoint(Gradient):
    """Gradients by the continuous adjoint; memory constant in the number of steps."""

    def run(self, denoise: Denoise, z: Any, times: Tensor, rng: Streams, cond: Conditions) -> Any:
        denoise.process.admit(times)
        parts = affine(denoise.process)
        for part in parts.values():
            if float(part.schedule.alpha(times[0])) < _LEAST_SIGNAL:
                raise InputError(f"the adjoint divides by the signal and {part.schedule} has none at the first time; "
                                 "start later")  # fmt: skip
            if float(part.schedule.sigma(times[-1])) == 0:
                raise InputError(f"the adjoint takes the logarithm of the noise and {part.schedule} has none at the "
                                 "last time; end earlier")  # fmt: skip
        return _Adjoint(denoise, z, times, cond).arrive(z)


class _Step(NamedTuple):
    """Begin, middle and end of a step, and its length in the logarithm of the noise-to-signal ratio."""

    t: Tensor
    middle: Tensor
    s: Tensor
    h: Tensor

    @property
    def reversed(self) -> _Step:
        return _Step(self.s, self.middle, self.t, -self.h)


@dataclass(frozen=True, eq=False)
class _Adjoint(Journey):
    """A run of the Runge–Kutta method and its adjoint; what moves are the real tensors of `y`."""

    def forth(self, z: Any) -> tuple[Any, Any]:
        y = self._times_signal(self.unpack(z), self.times[0], -1)
        for step in self._steps():
            y, _ = _classical(lambda v, t: (self._slope(v, t), ()), y, (), step)
        return self.pack(self._times_signal(y, self.times[-1], 1)), self.pack(y)

    def back(self, z: Any, kept: Any, grad: Any) -> tuple[Any, list[Tensor]]:
        y, w = self.unpack(kept), self._times_signal(self.unpack(grad), self.times[-1], 1)
        others: Tensors = tuple(torch.zeros_like(v) for v in self.inputs)
        for step in reversed(self._steps()):
            both, others = _classical(self._adjoint, (*y, *w), others, step.reversed)
            y, w = both[: len(y)], both[len(y) :]
        return self.pack(self._times_signal(w, self.times[0], -1)), list(others)

    def _adjoint(self, both: Tensors, t: Tensor) -> tuple[Tensors, Tensors]:
        """Rates of `y` and `w`, and of the gradients of the inputs."""
        half = len(both) // 2
        with torch.enable_grad():
            y = fresh(both[:half])
            rates = self._slope(y, t)
            found = pull(rates, (*y, *self.inputs), both[half:])
        pulled = tuple(-v for v in found)
        return (*(v.detach() for v in rates), *pulled[:half]), pulled[half:]

    def _slope(self, y: Tensors, t: Tensor) -> Tensors:
        """The rate of `y` by the logarithm of the noise-to-signal ratio of the first field that moves."""
        process, parts = self.denoise.process, affine(self.denoise.process)
        p = self.denoise(self.pack(self._times_signal(y, t, 1)), t, self.cond)
        if not isinstance(self.like, State):
            at = process.at(t, y[0])  # type: ignore[attr-defined]
            return (at.sigma / at.alpha * p.n,)
        lead = _ratio_rate(next(iter(parts.values())).schedule, t)
        rates = {name: _ratio_rate(part.schedule, t) / lead for name, part in parts.items()}
        signal = {name: part.schedule(t) for name, part in parts.items()}
        return tuple(
            rates[name] * signal[name].sigma / signal[name].alpha * p[name].n if name in parts else torch.zeros_like(v)
            for name, v in zip(self._names, y, strict=True)
        )

    def _times_signal(self, tensors: Tensors, t: Tensor, power: int) -> Tensors:
        parts = affine(self.denoise.process)
        return tuple(
            v * parts[name].schedule.alpha(t) ** power if name in parts else v
            for name, v in zip(self._names, tensors, strict=True)
        )

    @property
    def _names(self) -> tuple[str, ...]:
        """The names of the real tensors."""
        fields = self.like.items() if isinstance(self.like, State) else (("", self.like),)
        return tuple(name for name, v in fields if v.is_floating_point())

    def _steps(self) -> list[_Step]:
        schedule = next(iter(affine(self.denoise.process).values())).schedule
        x = _log_ratio(schedule, self.times)
        middles = _time_of(schedule, (x[:-1] + x[1:]) / 2)
        return list(map(_Step, self.times[:-1], middles, self.times[1:], torch.diff(x)))


def _ratio_rate(schedule: Schedule, t: Tensor) -> Tensor:
    """The derivative of the logarithm of the noise-to-signal ratio by time."""
    at = schedule(t)
    return at.d_sigma / at.sigma - at.d_alpha / at.alpha


def _classical(
    slope: Callable[[Tensors, Tensor], tuple[Tensors, Tensors]], y: Tensors, sums: Tensors, step: _Step
) -> tuple[Tensors, Tensors]:
    """One step of the classical Runge–Kutta method for `y`, and for `sums` whose rates depend on `y` alone."""
    (t, middle, s, h) = step
    k = slope(y, t)
    stages = [k]
    for share, when in ((0.5, middle), (0.5, middle), (1.0, s)):
        k = slope(tuple(v + share * h * rate for v, rate in zip(y, k[0], strict=True)), when)
        stages.append(k)

    def moved(v: Tensor, rates: Sequence[Tensor]) -> Tensor:
        one, two, three, four = rates
        return v + h / 6 * (one + 2 * two + 2 * three + four)

    after = tuple(map(moved, y, zip(*(stage[0] for stage in stages), strict=True)))
    return after, tuple(map(moved, sums, zip(*(stage[1] for stage in stages), strict=True)))
