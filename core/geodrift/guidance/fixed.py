r"""Entries whose data are known: inpainting, fixed sites, a lattice that is given.

Where the data are known, the posterior of the data given the noisy state is known too: it is the point itself. The
prediction is corrected there, and every solver does the rest: an ancestral step draws from the forward process of the
known data given the state, a flow goes straight to them, and `finish` gives them back. The network sees the known
entries as noisy as the others, as it has in training.

References:
    | RePaint: Inpainting using Denoising Diffusion Probabilistic Models (Lugmayr et al., 2022), https://arxiv.org/abs/2201.09865
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from geodrift.denoiser import Conditions, Denoise
from geodrift.processes import Predictions, Process, Product


@dataclass(frozen=True, eq=False)
class Known:
    """Data of some entries of a field.

    Arguments:
        values: Data, shaped like the field; those of other entries are not used.
        entries: True where the data are known, shaped alike.
    """

    values: Tensor
    entries: Tensor


class Fixed:
    """A denoiser of states that is told some of the data.

    Arguments:
        denoise: Any denoiser of states.
        known: What is known, by field.

    Raises:
        TypeError: When the process is not a product.
    """

    def __init__(self, denoise: Denoise, known: Mapping[str, Known]) -> None:
        if not isinstance(denoise.process, Product):
            raise TypeError("data are known by the fields of a state; use a Product")
        self.denoise, self.known = denoise, known
        self.process: Process = denoise.process
        self._times = denoise.process.times

    def __call__(self, z: Any, t: Any, cond: Conditions | None = None) -> Any:
        free, times = self.denoise(z, t, cond), self._times(t, z)
        told = {
            name: self.process.leaves[name].told(free[name], z[name], times[name], data.values, data.entries)
            for name, data in self.known.items()
        }
        return Predictions({**free, **told})
