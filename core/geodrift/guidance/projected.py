r"""Data that obey a rule: lattices of a family, atoms of a space group.

The expected data are moved to the nearest ones that obey it, :math:`\hat x \mapsto \Pi \hat x`, as sure as they were.
As all that a solver does starts from the prediction, the answer obeys the rule too; the noisy states need not, and do
not in training either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from geodrift.denoiser import Conditions, Denoise
from geodrift.processes import Predictions, Process, Product


class Projected:
    """A denoiser of states that expects data within a set.

    Arguments:
        denoise: Any denoiser of states.
        nearest: For each field that obeys a rule, the map from data to the nearest data that obey it.

    Raises:
        TypeError: When the process is not a product.
    """

    def __init__(self, denoise: Denoise, nearest: Mapping[str, Callable[[Tensor], Tensor]]) -> None:
        if not isinstance(denoise.process, Product):
            raise TypeError("rules are those of the fields of a state; use a Product")
        self.denoise, self.nearest = denoise, nearest
        self.process: Process = denoise.process
        self._times = denoise.process.times

    def __call__(self, z: Any, t: Any, cond: Conditions | None = None) -> Any:
        free, times = self.denoise(z, t, cond), self._times(t, z)
        moved = {name: self._moved(name, free[name], z[name], times[name]) for name in self.nearest}
        return Predictions({**free, **moved})

    def _moved(self, name: str, p: Any, z: Tensor, t: Tensor) -> Any:
        part = self.process.leaves[name]
        return part.placed(p, z, t, self.nearest[name](part.expected(p, z, t)))
