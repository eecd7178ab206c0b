r"""Reversible Heun: a method of second order whose steps can be undone exactly.

Beside the solution :math:`y` it carries a second copy :math:`\hat z`, which starts as the first. With the drift
:math:`f` and the noise :math:`g\,dW` of a step :math:`h` from :math:`t` to :math:`s`,

.. math:: \hat z_s = 2 y_t - \hat z_t + f(\hat z_t) h + g_t\,dW, \qquad
   y_s = y_t + \tfrac{1}{2} (f(\hat z_t) + f(\hat z_s)) h + \tfrac{1}{2} (g_t + g_s)\,dW,

one evaluation a step. The same formulas with the ends exchanged give :math:`\hat z_t` and :math:`y_t` back, to the
rounding, so that a gradient needs no memory of the way. The noise is that of a Brownian path, which is asked again on
the way back; it does not depend on the state, so that Itô's and Stratonovich's SDE are one.

The difference of the two copies is a mode of its own, which changes its sign in every step and grows where the drift
contracts: with steps that are long for the contraction it swallows the solution. That is an error here.

References:
    | Efficient and Accurate Gradients for Neural SDEs (Kidger et al., 2021), https://arxiv.org/abs/2105.13493
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from geodrift.brownian import BrownianTree
from geodrift.denoiser import Conditions, Denoise
from geodrift.errors import InputError
from geodrift.kernel import Delta, Kernel
from geodrift.layout import Layout
from geodrift.processes import Flow, Given, Process, has_score
from geodrift.registry import NotNegative, Positive
from geodrift.rng import Streams
from geodrift.solvers.solver import Solver, continuous, scored, solvers, steady
from geodrift.spaces import Euclidean, Still, Symmetric
from geodrift.state import State

_STRAIGHT = (Euclidean, Symmetric, Still)


class Twin(NamedTuple):
    """The memory between steps.

    Arguments:
        z: The second copy of the state.
        path: The noise.
        slope: The drift at the second copy, `None` before the first step.
    """

    z: Any
    path: BrownianTree
    slope: Any = None


@solvers.register("reversible-heun")
@dataclass(frozen=True)
class ReversibleHeun(Solver):
    """Reversible Heun for the probability-flow ODE, or for the reverse SDE along a Brownian path.

    Arguments:
        scale: Multiple of the classical noise :math:`g^2 / 2` of the SDE; zero is the ODE.
        apart: Largest distance of the two copies, as a share of the size of the state.
    """

    scale: NotNegative = 0.0
    apart: Positive = 0.5
    stages: int = 1

    def admit(self, process: Process, times: Tensor) -> None:
        continuous(process, "reversible-heun")
        for name, part in process.leaves.items():
            self._check(f"field {name}" if name else "this process", part, times)
        if self.scale:
            scored(process, "reversible-heun with noise")
        steady(process, times)
        super().admit(process, times)

    def _check(self, field: str, part: Process, times: Tensor) -> None:
        if not isinstance(part, Flow | Given):
            raise InputError(f"reversible-heun undoes its steps and {field} jumps; use an ODE solver, such as heun")
        if not isinstance(part.space, _STRAIGHT):
            raise InputError(f"reversible-heun adds states and {part.space} of {field} is not straight; use heun")
        if self.scale and has_score(part) and not bool(torch.isfinite(part.diffusion(times[0], times[0]))):
            raise InputError(f"{field} has infinite noise where sampling starts; start later, or set scale = 0")

    def init(self, z: Any, rng: Streams) -> Twin:
        return Twin(z, BrownianTree(z, rng))

    def drift(self, denoise: Denoise, z: Any, t: Tensor, cond: Conditions | None = None) -> Any:
        """The velocity, less the score times the noise's strength."""
        process, p = denoise.process, denoise(z, t, cond)
        if not self.scale:
            return process.velocity(p, z, t)
        return process.each(self._drift, p, z, t, t).mode

    def _drift(self, part: Process, p: Any, z: Tensor, t: Tensor, s: Tensor, layout: Layout) -> Kernel:
        u = part.velocity(p, z, t)
        return Delta(u - self.scale * part.diffusion(z, t) / 2 * part.score(p, z, t) if has_score(part) else u)

    def noise(self, process: Process, path: BrownianTree, t: Tensor, s: Tensor) -> tuple[Any, Any]:
        """The noise of the step from `t` to `s` with its strength at either end; nothing for the ODE."""
        if not self.scale:
            return 0.0, 0.0
        step = path.increment(t, s)

        def strength(part: Process, p: Any, z: Tensor, u: Tensor, v: Tensor, layout: Layout) -> Kernel:
            return Delta(z * torch.sqrt(self.scale * part.diffusion(z, u)) if has_score(part) else torch.zeros_like(z))

        return process.each(strength, step, step, t, t).mode, process.each(strength, step, step, s, s).mode

    def step(
        self, denoise: Denoise, z: Any, t: Tensor, s: Tensor, carry: Twin, rng: Streams, cond: Conditions | None = None
    ) -> tuple[Any, Twin]:
        process, h = denoise.process, s - t
        before, after = self.noise(process, carry.path, t, s)
        slope = self.drift(denoise, carry.z, t, cond) if carry.slope is None else carry.slope
        twin = z * 2.0 - carry.z + slope * h + before
        ahead = self.drift(denoise, twin, s, cond)
        z = z + (slope + ahead) * (h / 2) + (before + after) * 0.5
        self._together(z, twin, s)
        return z, Twin(twin, carry.path, ahead)

    def back(
        self, denoise: Denoise, z: Any, t: Tensor, s: Tensor, carry: Twin, cond: Conditions | None = None
    ) -> tuple[Any, Twin]:
        """Undo `step`: the state and the memory at `t`, from those at `s`."""
        process, h = denoise.process, s - t
        before, after = self.noise(process, carry.path, t, s)
        ahead = self.drift(denoise, carry.z, s, cond) if carry.slope is None else carry.slope
        twin = z * 2.0 - carry.z - ahead * h - after
        slope = self.drift(denoise, twin, t, cond)
        return z - (slope + ahead) * (h / 2) - (before + after) * 0.5, Twin(twin, carry.path, slope)

    def _together(self, z: Any, twin: Any, t: Tensor) -> None:
        """Raise `InputError` where the two copies have come apart."""
        fields = z if isinstance(z, State) else {"": z}
        others = twin if isinstance(twin, State) else {"": twin}
        for name in fields:
            y, other = (v[name].detach() for v in (fields, others))
            if y.is_floating_point() and not bool((y - other).abs().amax() <= self.apart * (1 + y.abs().amax())):
                raise InputError(
                    f"reversible-heun: at time {float(t):.3g} the two copies of the state came apart: the steps are "
                    "too long for a flow that contracts so fast; take more steps, end earlier, or use heun"
                )
