r"""The first part of the way in one leap.

While the noise is large the score of any data is that of the Gaussian with their mean and covariance. `Teleport`
follows that Gaussian's flow, which has a closed form and asks no network, down to a time, and leaves the rest to
another solver.

References:
    | Diffusion Models Generate Images Like Painters (Wang, Vastola, 2023), https://arxiv.org/abs/2303.02490
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geodrift.denoiser import Conditions, Denoise
from geodrift.diagnostics.flat import Flat
from geodrift.errors import InputError
from geodrift.gaussian import Fitted, GaussianDenoiser
from geodrift.processes import Predictions, Process
from geodrift.rng import Streams
from geodrift.solvers.solver import Solver


@dataclass(frozen=True)
class Teleport(Solver):
    """A solver that starts late.

    The steps that end at `until` or before it, on the side of the source, ask no network. The moments are data, so
    that no config can name this solver: it is made in Python.

    Arguments:
        solver: Moves the state for the rest of the way.
        moments: Mean and covariance of the data, of each field of a product: see `geodrift.gaussian.fit`.
        until: The time that the leap may reach, between zero and one.
    """

    solver: Solver
    moments: Fitted
    until: float

    @property
    def stages(self) -> int:  # type: ignore[override]
        return self.solver.stages

    def admit(self, process: Process, times: Tensor) -> None:
        if not 0 <= self.until <= 1:
            raise InputError(f"teleport until {self.until}, which is no time; it lies between 0 and 1")
        GaussianDenoiser(process, self.moments)
        process.admit(times)
        self.solver.admit(process, times[self._leaps(times) :])

    def _leaps(self, times: Tensor) -> int:
        return max(int((times >= self.until).sum()) - 1, 0)

    def init(self, z: Any, rng: Streams) -> Any:
        return self.solver.init(z, rng)

    def step(
        self, denoise: Denoise, z: Any, t: Tensor, s: Tensor, carry: Any, rng: Streams, cond: Conditions | None = None
    ) -> tuple[Any, Any]:
        if s < self.until:
            return self.solver.step(denoise, z, t, s, carry, rng, cond)
        return GaussianDenoiser(denoise.process, self.moments).flow(z, t, s), carry


@torch.no_grad()
def suggest_skip(
    denoise: Denoise, moments: Fitted, batches: Iterable[Any], times: Tensor, rng: Streams, tolerance: float = 0.05
) -> float:
    """How far down a leap may go: the last of the times before the denoiser first differs from the Gaussian.

    They differ where :math:`E|D - D_G|^2 > \\text{tolerance} \\cdot E|D - \\mu|^2`, over noisy data.

    Arguments:
        denoise: The denoiser, trained or exact.
        moments: Mean and covariance of the data.
        batches: Data, which are read once.
        times: Descending.
        rng: One stream for each sample of a batch.
        tolerance: The largest relative difference.
    """
    process, data = denoise.process, list(batches)
    gaussian, last = GaussianDenoiser(process, moments), float(times[0])
    for t in times:
        apart, whole = 0.0, 0.0
        for x in data:
            z = process.corrupt(x, t, rng).z
            flat = Flat.of(z)
            found, outline = (flat.join(_data(p, z)) for p in (denoise(z, t), gaussian(z, t)))
            centre = flat.join(gaussian.centre(z))
            apart += float(torch.square(found - outline).sum())
            whole += float(torch.square(found - centre).sum())
        if apart > tolerance * whole:
            return last
        last = float(t)
    return last


def _data(p: Any, z: Any) -> Any:
    return z.replace({name: part.x for name, part in p.items()}) if isinstance(p, Predictions) else p.x
