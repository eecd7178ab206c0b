r"""Matching on pairs of states that differ in the sign of their noise.

Where the target grows without bound at an end of the path, as the velocity of a Brownian latent does, so does the
variance of its loss; that of the half sum over :math:`z^\pm = \bar z \pm \gamma n` does not. It takes two network
calls.

References:
    | Stochastic Interpolants (Albergo, Boffi, Vanden-Eijnden, 2023), section 6, https://arxiv.org/abs/2303.08797
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from geodrift.denoiser import Conditions, Denoiser
from geodrift.objectives.matching import Matching
from geodrift.objectives.objective import objectives
from geodrift.processes import Draw


@objectives.register("antithetic")
@dataclass(frozen=True)
class Antithetic(Matching):
    """The matching objective on antithetic pairs."""

    def errors(self, denoiser: Denoiser, draw: Draw, t: Tensor, cond: Conditions) -> Any:
        other = denoiser.process.mirror(draw)
        return (super().errors(denoiser, draw, t, cond) + super().errors(denoiser, other, t, cond)) * 0.5
