r"""Where a residual is asked to vanish.

On noisy data it costs nothing where the model is never used. A box also covers the tails: a network that has seen few
states there flattens, and the flow of the few that begin there ends far from the data. In many dimensions a box holds
almost nothing of interest.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from geodrift.diagnostics.flat import Flat
from geodrift.processes import Process
from geodrift.registry import Positive, role
from geodrift.rng import Streams


class Collocation(ABC):
    """A law of states."""

    @abstractmethod
    def states(self, process: Process, x: Any, t: Tensor, rng: Streams) -> Any:
        """States at times `t`, `(B,)`, shaped like noisy data `x`."""


collocations = role("collocation", Collocation)


@collocations.register("noisy")
@dataclass(frozen=True)
class Noisy(Collocation):
    """Data with noise of their own."""

    def states(self, process: Process, x: Any, t: Tensor, rng: Streams) -> Any:
        return process.corrupt(x, t, rng).z


@collocations.register("box")
@dataclass(frozen=True)
class Box(Collocation):
    """Uniform numbers around zero, for few dimensions.

    Arguments:
        half_width: Of the box, in the units of the state.
    """

    half_width: Positive = 3.5

    def states(self, process: Process, x: Any, t: Tensor, rng: Streams) -> Any:
        z = process.corrupt(x, t, rng).z
        flat = Flat.of(z)
        v = flat.join(z)
        return flat.split(self.half_width * (2 * rng.uniform(v).to(v) - 1))
