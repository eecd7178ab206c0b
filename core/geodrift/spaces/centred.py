"""Points without their centre: zero mean over the elements of a sample, channel by channel.

What a translation does not change lives here: the places of atoms of a molecule, up to where it is. It is a vector
space, the same straight lines, and noise projected onto it is normal there.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from torch import Tensor

from geodrift.layout import Dense, Layout
from geodrift.spaces.space import Space


@dataclass(frozen=True)
class Centred(Space[Tensor]):
    """Vectors with zero mean over the elements of each sample.

    Arguments:
        layout: Which elements belong together; fields bring their own.
    """

    layout: Layout = field(default_factory=Dense)
    embedded = True

    def on(self, layout: Layout) -> Centred:
        return replace(self, layout=layout)

    def project(self, z: Tensor) -> Tensor:
        return self.layout.mask(z - self.layout.average(z))

    def tangent(self, z: Tensor, v: Tensor) -> Tensor:
        return self.project(v)

    def exp(self, z: Tensor, v: Tensor) -> Tensor:
        return z + v

    def log(self, z: Tensor, y: Tensor) -> Tensor:
        return y - z
