r"""The reverse SDE along one Brownian path, whatever the steps.

`EulerMaruyama` draws fresh noise in every step, so that two runs with different steps are two different samples. Here
the noise of a step is the increment of a Brownian tree between its times: runs with different steps follow one path
and differ by their discretisation alone, and a step may be tried, rejected and tried again without a bias. The noise
of the reverse SDE does not depend on the state, so that the strong order of Euler–Maruyama is one.

The adaptive method compares one step with two of half the length, sample by sample, each with its own time and its own
step.

References:
    | Numerical Solution of Stochastic Differential Equations (Kloeden, Platen, 1992)
    | Adaptive stepsize based on control theory for SDEs (Burrage, Herdiana, Burrage, 2004), https://doi.org/10.1016/j.cam.2004.01.027
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from geodrift.brownian import BrownianTree
from geodrift.denoiser import Conditions, Denoise, samples
from geodrift.kernel import Delta, Gaussian, Joint, Kernel
from geodrift.layout import Dense, Layout, trailing
from geodrift.processes import Process, has_score
from geodrift.registry import NotNegative, Positive
from geodrift.rng import Streams
from geodrift.solvers.langevin import EulerMaruyama
from geodrift.solvers.solver import Solver, scored, solvers, steady
from geodrift.state import State


@solvers.register("driven-euler-maruyama")
@dataclass(frozen=True)
class DrivenEulerMaruyama(Solver):
    """Euler–Maruyama along a Brownian path, which is the memory between steps.

    Arguments:
        scale: Multiple of the classical noise, as in `EulerMaruyama`.
        most: Bound of the share of the noise that a step exchanges, as there.
    """

    scale: NotNegative = 1.0
    most: Positive = 0.5
    stages: int = 1

    def admit(self, process: Process, times: Tensor) -> None:
        scored(process, "driven-euler-maruyama")
        steady(process, times)
        super().admit(process, times)

    def init(self, z: Any, rng: Streams) -> BrownianTree:
        return BrownianTree(z, rng)

    def law(self, part: Process, p: Any, z: Tensor, t: Tensor, s: Tensor, layout: Layout) -> Kernel:
        """The Gaussian of one step; classes stay."""
        rule = EulerMaruyama(self.scale, self.most)
        return rule.law(part, p, z, t, s, layout) if has_score(part) else Delta(z)

    def move(self, process: Process, p: Any, z: Any, t: Tensor, s: Tensor, along: Any) -> Any:
        """The state at `s`, from that at `t`, scalars or `(B,)`, with real fields moved by the increment of a path."""
        noise = _over(along, torch.sqrt(t - s).clamp(min=1e-30))
        times = (u.to(_real(z)) if u.ndim else u for u in (t, s))
        return process.space.project(_drive(process.each(self.law, p, z, *times), noise))

    def step(
        self,
        denoise: Denoise,
        z: Any,
        t: Tensor,
        s: Tensor,
        carry: BrownianTree,
        rng: Streams,
        cond: Conditions | None = None,
    ) -> tuple[Any, BrownianTree]:
        process, p = denoise.process, denoise(z, t, cond)
        moved = process.jump(p, z, t, s, rng)
        return self.move(process, p, moved, t, s, carry.increment(t, s)), carry


class Pace(NamedTuple):
    """The path, and the step that each sample would take next, `(B,)`."""

    path: BrownianTree
    h: Tensor


@solvers.register("adaptive-euler-maruyama")
@dataclass(frozen=True)
class AdaptiveEulerMaruyama(Solver):
    """Euler–Maruyama with a step of its own for each sample, between the times of the grid.

    Arguments:
        absolute: Largest error of a step, in units of the state.
        relative: Largest error of a step, as a share of the state.
        shortest: A step that is never rejected, in units of time.
        scale: Multiple of the classical noise.
    """

    absolute: Positive = 0.05
    relative: NotNegative = 0.05
    shortest: Positive = 1e-4
    scale: NotNegative = 1.0
    stages: int = 2

    def admit(self, process: Process, times: Tensor) -> None:
        scored(process, "adaptive-euler-maruyama")
        steady(process, times)
        super().admit(process, times)

    def init(self, z: Any, rng: Streams) -> Pace:
        return Pace(BrownianTree(z, rng), torch.full((samples(z),), torch.inf, dtype=torch.float64, device=z.device))

    def step(
        self, denoise: Denoise, z: Any, t: Tensor, s: Tensor, carry: Pace, rng: Streams, cond: Conditions | None = None
    ) -> tuple[Any, Pace]:
        (path, h), now, first = carry, t.expand(samples(z)).double(), denoise(z, t, cond)
        while bool((going := now > s).any()):
            length = torch.minimum(h, now - s)
            tried, error = self._try(denoise, z, now, length, path, cond)
            taken = going & ((error <= 1) | (length <= self.shortest))
            z, now = _where(taken, tried, z), torch.where(taken, _then(now, length, s), now)
            grown = length * (0.9 * error.clamp(min=1e-6) ** (-2 / 3)).clamp(0.2, 5)
            # The last step before a time of the grid is cut short and says little about the next.
            after = torch.where((length < h) & taken, torch.maximum(grown, h), grown.clamp(min=self.shortest))
            h = torch.where(going, after, h)
        # Classes jump last: until then they are those of a time with more noise, which exist; later ones may not.
        return denoise.process.jump(first, z, t, s, rng), Pace(path, h)

    def _try(
        self, denoise: Denoise, z: Any, now: Tensor, length: Tensor, path: BrownianTree, cond: Conditions | None
    ) -> tuple[Any, Tensor]:
        """The state after two half steps, and how far from it one step goes, in units of the tolerance, `(B,)`."""
        rule, process = DrivenEulerMaruyama(self.scale), denoise.process
        middle, end = now - length / 2, now - length
        before, between, after = (path(u) for u in (now, middle, end))
        p = denoise(z, now.to(_real(z)), cond)
        half = rule.move(process, p, z, now, middle, between - before)
        two = rule.move(process, denoise(half, middle.to(_real(z)), cond), half, middle, end, after - between)
        return two, self._error(rule.move(process, p, z, now, end, after - before), two)

    def _error(self, one: Any, two: Any) -> Tensor:
        """The root mean square over the real entries of each sample, at its worst field, `(B,)`."""
        a, b = (z if isinstance(z, State) else State({"": z}) for z in (one, two))
        real = [name for name in a if a[name].is_floating_point()]
        ratios = {name: (a[name] - b[name]) / (self.absolute + self.relative * b[name].abs()) for name in real}
        return (
            torch.stack([a.layouts[name].mean(ratio**2).sqrt() for name, ratio in ratios.items()])
            .amax(0)
            .double()
            .nan_to_num(nan=torch.inf)
        )


def _then(now: Tensor, length: Tensor, s: Tensor) -> Tensor:
    """The time after a step, exactly `s` where the step was to end there."""
    return torch.where(length >= now - s, s.double(), now - length)


def _real(z: Any) -> torch.dtype:
    fields = z.values() if isinstance(z, State) else (z,)
    return next(v.dtype for v in fields if v.is_floating_point())


def _over(z: Any, scale: Tensor) -> Any:
    if isinstance(z, State):
        return z.replace({name: v / z.layouts[name].expand(scale, v).to(v) for name, v in z.items()})
    return z / Dense().expand(scale, z).to(z)


def _where(chosen: Tensor, one: Any, other: Any) -> Any:
    if isinstance(one, State):
        fields = {name: torch.where(one.layouts[name].expand(chosen, v), v, other[name]) for name, v in one.items()}
        return one.replace(fields)
    return torch.where(trailing(chosen, one), one, other)


def _drive(law: Kernel, noise: Any) -> Any:
    """What a law draws where its standard normal numbers are these."""
    if isinstance(law, Joint):
        return law.like.replace({name: _drive(part, noise[name]) for name, part in law.parts.items()}).masked()
    return law.mean + law.std * noise if isinstance(law, Gaussian) else law.mode
