r"""A law around a point of a space: :math:`n = \exp_c(\sigma \varepsilon)` with a normal tangent :math:`\varepsilon`.

It is a source for spaces that have no uniform law. On positive definite matrices it is a normal law of the log-Cholesky
coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from geodrift.rng import Streams
from geodrift.sources import Source
from geodrift.spaces.space import Space


@dataclass(frozen=True, eq=False)
class Around(Source):
    """A normal tangent at a centre, followed for unit time.

    Arguments:
        space: The space.
        centre: A point of it, broadcast over samples.
        std: Standard deviation of the tangent's entries.
    """

    space: Space[Tensor]
    centre: Tensor
    std: float = 1.0

    def sample(self, like: Tensor, rng: Streams) -> Tensor:
        centre = self.centre.to(like).expand_as(like)
        return self.space.exp(centre, self.std * self.space.tangent(centre, rng.normal(like)))
