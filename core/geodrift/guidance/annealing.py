r"""Velocities that grow towards the data: inference anti-annealing.

A flow that is followed :math:`c_t` times as fast, :math:`\dot z = c_t\,u_t(z)`, is near its data before time zero. With

.. math:: c_t = 1 + s \max(0,\, 1 - t - b)

what is left to go falls with :math:`t^{1 + s} e^{s (1 - t)}` instead of :math:`t`, for :math:`b = 0`: noise in late
predictions has time to go away. It sharpens the law, and is no exact sampler. A step of Euler's method that is longer
than :math:`t / c_t` goes beyond the data, so that few steps allow small slopes alone.

References:
    | FlowMM: Generating Materials with Riemannian Flow Matching (Miller et al., 2024), https://arxiv.org/abs/2406.04713
    | Open Materials Generation with Stochastic Interpolants (Höllmer et al., 2025), https://arxiv.org/abs/2502.02582
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geodrift.denoiser import Conditions, Denoise
from geodrift.errors import InputError, unknown
from geodrift.layout import trailing
from geodrift.processes import Geodesic, Interpolant, Predictions, Product
from geodrift.registry import NotNegative, Role, Share

annealings = Role("annealing")


@annealings.register("ramp")
@dataclass(frozen=True)
class Ramp:
    """A factor that grows linearly towards the data.

    Arguments:
        slope: :math:`s`, how much it grows in unit time.
        after: :math:`b`, the share of the time that goes by before it does.
    """

    slope: NotNegative
    after: Share = 0.0

    def factor(self, t: Tensor) -> Tensor:
        """The factor at time `t`."""
        return 1 + self.slope * torch.relu(1 - t - self.after)


class Annealed:
    """A denoiser some of whose fields move faster towards the data.

    Arguments:
        denoise: Any denoiser.
        ramps: The factor of each of these fields; of a leaf under the empty name.

    Raises:
        InputError: For a field that does not exist, or that is not told by a velocity.
    """

    def __init__(self, denoise: Denoise, ramps: Mapping[str, Ramp]) -> None:
        self.denoise, self.process, self.ramps = denoise, denoise.process, ramps
        for name in ramps:
            if name not in self.process.leaves:
                raise unknown("field to anneal", name, self.process.leaves)
            if not isinstance(self.process.leaves[name], Geodesic | Interpolant):
                kind = type(self.process.leaves[name]).__name__
                raise InputError(f"{name} cannot be annealed: {kind} is not told by a velocity; leave it out")

    def __call__(self, z: Any, t: Any, cond: Conditions | None = None) -> Any:
        p = self.denoise(z, t, cond)
        if not self.ramps:
            return p
        if not isinstance(self.process, Product):
            return _faster(self.ramps[""], p, z, torch.as_tensor(t))
        times = self.process.times(t, z)
        faster = {name: _faster(ramp, p[name], z[name], times[name]) for name, ramp in self.ramps.items()}
        return Predictions({**p, **faster})


def _faster(ramp: Ramp, p: Any, z: Tensor, t: Tensor) -> Any:
    return p.hastened(trailing(ramp.factor(t), z).to(z))


def annealed(denoise: Denoise, settings: Mapping[str, Mapping[str, Any]]) -> Denoise:
    """The denoiser with the annealing that a config asks for, field by field.

    Raises:
        InputError: For what it does not know or cannot do.
    """
    ramps = {name: annealings.build({"kind": "ramp", **options}) for name, options in settings.items()}
    return Annealed(denoise, ramps) if ramps else denoise
