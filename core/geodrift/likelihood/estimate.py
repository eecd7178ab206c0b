"""What is known of the likelihood of some data, and its units."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geodrift.denoiser import Conditions, Denoise
from geodrift.kernel import sum_fields
from geodrift.layout import Padded, Ragged
from geodrift.processes import Affine, Process
from geodrift.rng import Streams
from geodrift.state import State


@dataclass(frozen=True, eq=False)
class LogLikelihood:
    """Log-likelihoods of samples, or bounds that they are not below in the mean.

    Arguments:
        nats: One number a sample, `(B,)`.
        error: Standard error of each, `(B,)`: zero where nothing was drawn, NaN where too little was to tell.
        exact: Whether they are the model's own; else they are bounds from below.
        dims: Numbers that each sample is made of, `(B,)`.
        entities: Elements of each sample of the first field of variable length, `(B,)`; none without such a field.
        kind: The name of that field.
        noise: Standard deviation, in units of the data, of the normal noise by which each real field is smoothed.
    """

    nats: Tensor
    error: Tensor
    exact: bool
    dims: Tensor
    entities: Tensor | None
    kind: str
    noise: Mapping[str, float]

    @property
    def bits_per_dim(self) -> Tensor:
        """Code length, `(B,)`: bits for each number of a sample; of densities, at unit resolution."""
        return -self.nats / (math.log(2) * self.dims)

    @property
    def bits_per_entity(self) -> Tensor:
        """Code length, `(B,)`: bits for each element, such as an atom; NaN without a field of variable length."""
        count = self.entities if self.entities is not None else torch.full_like(self.dims, torch.nan)
        return -self.nats / (math.log(2) * count)


class Likelihood(ABC):
    """A way to find how likely data are."""

    @abstractmethod
    def __call__(self, denoise: Denoise, x: Any, rng: Streams, cond: Conditions | None = None) -> LogLikelihood:
        """What is known of data.

        Arguments:
            denoise: A denoiser, trained, guided or exact.
            x: Data, a tensor `(B, ...)` or a state.
            rng: One stream for each sample.
            cond: Conditions, `(B,)` each.
        """


def total(values: Mapping[str, Tensor], like: Any) -> Tensor:
    """Elementwise numbers of the fields of a state, or of a tensor without a name, added up to one a sample, `(B,)`."""
    return sum_fields(values, like if isinstance(like, State) else State({"": like}))


def dims(fields: Mapping[str, Tensor], like: Any) -> Tensor:
    """How many numbers each sample has in these fields, `(B,)`."""
    return total({name: torch.ones_like(v, dtype=torch.float64) for name, v in fields.items()}, like)


def noises(parts: Mapping[str, Process], t: Tensor) -> dict[str, float]:
    """The noise at a time in units of the data, for each field that has a schedule of noise."""
    affine = {name: part.schedule(t) for name, part in parts.items() if isinstance(part, Affine)}
    return {name: float(at.sigma / at.alpha) for name, at in affine.items()}


def entities(x: Any) -> tuple[Tensor | None, str]:
    """How many elements each sample has in the first field of variable length, `(B,)`, and the name of the field."""
    for name, layout in x.layouts.items() if isinstance(x, State) else ():
        if isinstance(layout, Padded | Ragged):
            return layout.lengths.double(), name
    return None, ""
