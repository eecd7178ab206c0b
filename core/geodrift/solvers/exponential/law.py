"""One step of an exponential integrator on one leaf, from what is known at several times."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from geodrift.errors import InputError
from geodrift.kernel import Delta, Gaussian, Kernel
from geodrift.layout import Layout
from geodrift.processes import Flow, Process, Product, has_score
from geodrift.schedules.schedule import Coefficients, Number
from geodrift.solvers.exponential.forms import Form
from geodrift.solvers.exponential.quadrature import Integrals, central, weights
from geodrift.solvers.solver import continuous

Rule = Callable[[Integrals, int], list[Number]]

_LEAST_SIGNAL = 1e-6


@dataclass(frozen=True, eq=False)
class Known:
    """What a step knows: a state, and predictions at several times, the first of them at that of the state.

    Of a product it knows each field by name.

    Arguments:
        z: The state that the step starts from.
        times: The times of the predictions.
        values: What the form takes from them; the first is a whole prediction where a leaf only jumps.
    """

    z: Any
    times: tuple[Any, ...]
    values: tuple[Any, ...]

    def __getitem__(self, name: str) -> Known:
        times = tuple(t[name] if isinstance(t, Mapping) else t for t in self.times)
        return Known(self.z[name], times, tuple(value[name] for value in self.values))

    def add(self, times: tuple[Any, ...], values: tuple[Any, ...]) -> Known:
        """The same with predictions at more times."""
        return Known(self.z, (*self.times, *times), (*self.values, *values))


@dataclass(frozen=True)
class Law:
    """The rules of a form.

    Arguments:
        form: Which prediction it integrates.
        rule: How it integrates the polynomial.
    """

    form: Form
    rule: Rule = central

    def admit(self, process: Process, times: Tensor) -> None:
        """Raise `InputError` where the form cannot move a field, or not from the first time."""
        process.admit(times)
        solver = f"an exponential integrator of the {self.form.told}"
        fields = continuous(process, solver)
        if not any(self.form.solves(part) for part in fields.values()):
            raise InputError(f"{solver} needs a path of data plus noise in a vector space; here is none, choose heun")
        for name, part in fields.items():
            self._admit(part, times[0], solver, f"field {name} ({part})" if name else f"{part}")

    def _admit(self, part: Flow, start: Tensor, solver: str, where: str) -> None:
        if not self.form.solves(part):
            raise InputError(f"{solver} needs a path of data plus noise in a vector space, not {where}; choose heun")
        if self.form.eta and not has_score(part):
            raise InputError(f"{solver} adds normal noise, and another is the source of {where}; choose an ODE solver")
        if self.form.divides and part.at(start, start).alpha < _LEAST_SIGNAL:
            told = f"{solver} divides by the signal, and {where} has none at the first time of the grid"
            raise InputError(f"{told}; start it below one, first = 0.999, or choose a dpm++ solver")

    def values(self, process: Process, p: Any, z: Any, t: Any) -> Any:
        """What the form takes from a prediction at `z`, by field; the whole prediction of a leaf that only jumps."""
        if not isinstance(process, Product):
            return self._value(process, p, z, t)
        times = process.times(t, z)
        return {name: self._value(part, p[name], z[name], times[name]) for name, part in process.parts.items()}

    def _value(self, part: Any, p: Any, z: Tensor, t: Tensor) -> Any:
        return self.form.value(part.estimate(p, z, t)) if self.form.solves(part) else p

    def stage(self, part: Process, known: Known, z: Tensor, t: Tensor, s: Tensor, layout: Layout) -> Kernel:
        """Where the step leads, with classes left where they are."""
        return self._move(part, known, t, s, layout) if self.form.solves(part) else Delta(z)

    def step(self, part: Process, known: Known, z: Tensor, t: Tensor, s: Tensor, layout: Layout) -> Kernel:
        """Where the step leads, with classes moved by the process's own law."""
        if not self.form.solves(part):
            return part.kernel(known.values[0], z, t, s)
        return self._move(part, known, t, s, layout)

    def _move(self, part: Any, known: Known, t: Tensor, s: Tensor, layout: Layout) -> Kernel:
        z = known.z
        now, then = part.at(t, z), part.at(s, z)
        others = tuple(part.at(layout.spread(u), z) for u in known.times[1:])
        plan = _remembered if now.shared else _plan
        factors, std = plan(self.form, self.rule, now, then, others)
        mean = combine(factors, (z, *known.values))
        if not self.form.eta:
            return Delta(mean)
        return Gaussian(mean, torch.as_tensor(std, dtype=z.dtype, device=z.device))


def _plan(
    form: Form, rule: Rule, now: Coefficients, then: Coefficients, others: tuple[Coefficients, ...]
) -> tuple[list[Number], Number]:
    """The factors of the state and of the predictions, and the standard deviation of the noise."""
    start, end = now.numbers, then.numbers
    begin, *known, finish = (form.coordinate(at.numbers) for at in (now, *others, then))
    h = finish - begin
    nodes = [0.0, *(_share(u, begin, h) for u in known)]
    step = form.step(start, end, h)
    return [step.keep, *(step.gain * w for w in weights(rule(step.integrals, len(nodes)), nodes))], step.std


_remembered = lru_cache(maxsize=4096)(_plan)


def _share(u: Number, start: Number, h: Number) -> Number:
    """Where a coordinate lies in a step, from zero to one; at its end if the step comes from infinitely far."""
    far = np.isinf(h)
    if not np.any(far):
        return (u - start) / h
    near = np.where(far, 0.0, start)
    return np.where(far, 1.0, (u - near) / np.where(far, 1.0, h))


def combine(factors: Sequence[Number], tensors: Sequence[Tensor]) -> Tensor:
    """The sum of tensors times numbers, one for all samples or one a sample, in a memory of its own."""
    total: Tensor | None = None
    for factor, z in zip(factors, tensors, strict=True):
        if np.ndim(factor):
            term = z * torch.as_tensor(factor, dtype=z.dtype, device=z.device)
            total = term if total is None else total + term
        else:
            total = z * float(factor) if total is None else total.add_(z, alpha=float(factor))
    assert total is not None
    return total
