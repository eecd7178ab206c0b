r"""Atoms on one place are parted while a crystal is drawn.

A network answers alike about atoms that are believed alike: two of one element on one site stay there, while a site
like it is empty, and no noise that is small enough to keep the others where they are moves one of them over. Where two
atoms are surely on one place, by beliefs whose expected vectors have lengths of at least `sure` in all three
directions, the second is predicted anywhere in the cell instead; the steps that are left bring it to a place that is
free, or throw it again. Crystals without such atoms are drawn as they were.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor

from geodrift.denoiser import Conditions, Denoise
from geodrift.errors import InputError
from geodrift.layout import Ragged
from geodrift.processes import Bayesian, Predictions, Process, Product
from geodrift.registry import Share
from geodrift.rng import Streams
from geodrift.solvers import Renoise, Solver

FIELD = "frac"
_TINY = 1e-9


@dataclass(frozen=True)
class Apart(Solver):
    """Another solver, for crystals of a Bayesian flow, that parts atoms which are predicted on one place.

    Arguments:
        of: The solver.
        near: How near that is, a share of the cell along each of its vectors.
        sure: How long the expected vectors of both atoms are at least.
        until: The last time that an atom is thrown at; later ones leave too little noise to find another place.
    """

    of: Solver = field(default_factory=Renoise)
    near: Annotated[float, Field(gt=0, le=0.2)] = 0.02
    sure: Share = 0.9
    until: Share = 0.2

    @property
    def stages(self) -> int:  # type: ignore[override]
        return self.of.stages

    def admit(self, process: Process, times: Tensor) -> None:
        if not isinstance(process.leaves.get(FIELD), Bayesian):
            raise InputError("solver apart: parts the atoms of a bayesian-flow of crystals; take the solver it is of")
        self.of.admit(process, times)

    def init(self, z: Any, rng: Streams) -> Any:
        return self.of.init(z, rng)

    def step(
        self, denoise: Denoise, z: Any, t: Tensor, s: Tensor, carry: Any, rng: Streams, cond: Conditions | None = None
    ) -> tuple[Any, Any]:
        return self.of.step(_Parted(denoise, self, rng) if t >= self.until else denoise, z, t, s, carry, rng, cond)


class _Parted:
    """A denoiser that throws atoms that are not alone."""

    def __init__(self, denoise: Denoise, how: Apart, rng: Streams) -> None:
        self.denoise, self.process, self.how, self.rng = denoise, denoise.process, how, rng

    def __call__(self, z: Any, t: Any, cond: Conditions | None = None) -> Any:
        p, layout, part = self.denoise(z, t, cond), z.layouts[FIELD], self.process.leaves[FIELD]
        assert isinstance(self.process, Product)
        assert isinstance(part, Bayesian)
        thrown = second(part.mean(p[FIELD]), layout, self.how.near, self.how.sure)[:, None]
        anywhere, time = self.rng.on(layout).uniform(z[FIELD][..., 0]), self.process.times(t, z)[FIELD]
        return Predictions({**p, FIELD: part.told(p[FIELD], z[FIELD], time, anywhere, thrown.expand_as(anywhere))})


def second(x: Tensor, layout: Ragged, near: float, sure: float) -> Tensor:
    """Which atoms are surely where an earlier one of their crystal is, `(M,)`, by expected vectors `(M, 3, 2)`."""
    length = torch.linalg.vector_norm(x, dim=-1)
    vectors = torch.where((length >= sure).all(-1)[:, None, None], x / length.clamp(min=_TINY)[..., None], 0.0)
    places, most = layout.places(), int(layout.lengths.max())
    rows = x.new_zeros(layout.count, most, 3, 2)
    rows[layout.index, places] = vectors
    cosines = torch.einsum("biak,bjak->bija", rows, rows)  # zero where one of both is not sure
    pairs = (cosines > math.cos(2 * math.pi * near)).all(-1)
    return torch.triu(pairs, 1).any(1)[layout.index, places]
