r"""The flat torus up to a shift of all elements of a sample: the places of atoms in a cell, wherever its origin is.

Shifts are isometries, and orthogonal to them are the tangents with zero mean over the elements. A flow on the classes
of points that are shifts of each other is lifted to the torus along these: it moves the differences of coordinates as
any lift does, and not the centre, of which a network that sees differences alone knows nothing. Points and geodesics
are those of the torus; only what is tangent differs, so that targets and predictions lose their mean.

References:
    | FlowMM: Generating Materials with Riemannian Flow Matching (Miller et al., 2024), https://arxiv.org/abs/2406.04713
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from torch import Tensor

from geodrift.layout import Dense, Layout
from geodrift.spaces.torus import Torus


@dataclass(frozen=True)
class Relative(Torus):
    """Real numbers modulo a period, `(B, L, ...)`, whose tangents have zero mean over the elements of each sample.

    Arguments:
        period: The period :math:`P > 0`, in the units of the data.
        layout: Which elements belong together; fields bring their own.
    """

    layout: Layout = field(default_factory=Dense)

    def on(self, layout: Layout) -> Relative:
        return replace(self, layout=layout)

    def tangent(self, z: Tensor, v: Tensor) -> Tensor:
        return self.layout.mask(v - self.layout.average(v))
