r"""The exact likelihood of a model of real fields, by its probability-flow ODE.

With the velocity :math:`u` of the flow, :math:`\frac{d}{dt} \log p_t(z_t) = - \nabla \cdot u_t(z_t)` along its
solution, so that

.. math:: \log p_{t_0}(z_{t_0}) = \log p_1(z_1) + \int_{t_0}^1 \nabla \cdot u_t(z_t)\,dt.

The solution and the integral are found together by a Runge–Kutta method on a fixed grid. Fields of a state move
together, so that the density is their joint one. The first time :math:`t_0` is not zero: what is measured is the
density, at the data, of the model's law smoothed by normal noise of the standard deviation
:math:`\sigma_{t_0} / \alpha_{t_0}`; for a schedule with noise at its data end (VE) that is at least its smallest noise.
Data that are classes are measured where they are embedded, as the density of a relaxed law, in nats per unit volume.

References:
    | Neural Ordinary Differential Equations (Chen et al., 2018), https://arxiv.org/abs/1806.07366
    | Score-Based Generative Modeling through SDEs (Song et al., 2021), section 4.3, https://arxiv.org/abs/2011.13456
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from geodrift.denoiser import Conditions, Denoise
from geodrift.errors import InputError
from geodrift.likelihood.divergence import Divergence, ExactTrace
from geodrift.likelihood.estimate import Likelihood, LogLikelihood, dims, entities, noises, total
from geodrift.likelihood.pace import Pace
from geodrift.processes import Flow, Given, Process
from geodrift.rng import Streams
from geodrift.solvers.runge_kutta import RK4, Table, combine
from geodrift.state import State

Density = Callable[[Any, Tensor], Tensor]
"""A log-density of states at a time, `(B,)`."""


def flows(process: Process) -> dict[str, Flow]:
    """The fields whose density is asked for, by name.

    Raises:
        InputError: When a field is not moved by a flow, so that there is no density.
    """
    found = {name: part for name, part in process.leaves.items() if isinstance(part, Flow)}
    for name, part in process.leaves.items():
        if name not in found and not isinstance(part, Given):
            field = f"field {name}" if name else "this process"
            raise InputError(f"{field} ({type(part).__name__}) has no flow, so no exact likelihood; ask for the bound")
    if not found:
        raise InputError("this process moves nothing, so its data have no likelihood")
    return found


@dataclass(frozen=True, eq=False)
class FlowLikelihood(Likelihood):
    """The log-density of data under the flow, per unit volume of the embedded data.

    Arguments:
        steps: Steps of the integration, equal changes of the path from `first` to one.
        divergence: How the divergence is found.
        table: The Runge–Kutta method.
        first: The time at which data are taken to be, above zero.
        times: The times between steps, increasing, instead of `steps` and `first`.
        prior: The log-density at the last time; by default that of the source.
    """

    steps: int = 100
    divergence: Divergence = ExactTrace()  # noqa: RUF009 - frozen
    table: Table = RK4
    first: float = 1e-5
    times: Tensor | None = None
    prior: Density | None = None

    @torch.no_grad()
    def __call__(self, denoise: Denoise, x: Any, rng: Streams, cond: Conditions | None = None) -> LogLikelihood:
        """The log-density of each sample; raises `InputError` where a field has no flow or the source no density."""
        process = denoise.process
        parts = flows(process)
        x = process.enter(x.check() if isinstance(x, State) else x, cond or {})
        times = (Pace.of(process, self.first).grid(self.steps) if self.times is None else self.times).to(x.device)
        start, volume = _start(parts, x, times[0])
        if self.prior is None:
            _prior(parts, start, times[-1])  # refuses a source without a density before the work
        z, gain = self._integrate(_Slope(denoise, self.divergence, tuple(parts), rng, cond), start, times)
        end = _prior(parts, z, times[-1]) if self.prior is None else self.prior(z, times[-1])
        estimates = end.double() + volume + gain
        counted, kind = entities(x)
        numbers = dims({name: start[name] for name in parts} if isinstance(start, State) else {"": start}, start)
        error, noise = self.divergence.error(estimates), noises(parts, times[0])
        return LogLikelihood(estimates.mean(0), error, True, numbers, counted, kind, noise)

    def _integrate(self, slope: _Slope, z: Any, times: Tensor) -> tuple[Any, Tensor]:
        """The state at the last time, and estimates `(R, B)` of the integral of the divergence until then."""
        space, gain = slope.denoise.process.space, torch.zeros((), dtype=torch.float64, device=times.device)
        for t, s in pairwise(times):
            h, slopes = s - t, [slope(z, t)]
            for row in self.table.a:
                moved = combine(row, [v for v, _ in slopes]) * h
                slopes.append(slope(space.retract(z, moved), t + sum(row) * h))
            z = space.retract(z, combine(self.table.b, [v for v, _ in slopes]) * h)
            gain = gain + combine(self.table.b, [d for _, d in slopes]) * h
        return z, gain


@dataclass(frozen=True, eq=False)
class _Slope:
    """The velocity of the state and the divergence of it."""

    denoise: Denoise
    divergence: Divergence
    moving: tuple[str, ...]
    rng: Streams
    cond: Conditions | None

    def __call__(self, z: Any, t: Tensor) -> tuple[Any, Tensor]:
        process = self.denoise.process

        def field(at: Any) -> Any:
            return process.space.tangent(at, process.velocity(self.denoise(at, t, self.cond), at, t))

        return self.divergence(field, z, self.rng, self.moving)


def _start(parts: Mapping[str, Flow], x: Any, t: Tensor) -> tuple[Any, Tensor]:
    """The state of data without noise, and the log of its volume for one of the data, `(B,)`."""
    if not isinstance(x, State):
        z, volume = parts[""].centre(x, t)
        return z, total({"": volume}, x)
    found = {name: part.centre(x[name], t) for name, part in parts.items()}
    z = x.replace({name: z for name, (z, _) in found.items()}).masked()
    return z, total({name: volume for name, (_, volume) in found.items()}, x)


def _prior(parts: Mapping[str, Flow], z: Any, t: Tensor) -> Tensor:
    if not isinstance(z, State):
        return total({"": parts[""].prior_log_prob(z, t)}, z)
    return total({name: part.prior_log_prob(z[name], t) for name, part in parts.items()}, z)
