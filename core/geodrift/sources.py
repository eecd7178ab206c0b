r"""What a path ends in: the law of :math:`n` in :math:`z_t = \alpha_t x + \sigma_t n`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from geodrift.registry import role
from geodrift.rng import Streams


class Source(ABC):
    """A law to start from.

    A path from a normal source has a score: `scored` says so.
    """

    scored: ClassVar[bool] = False

    @abstractmethod
    def sample(self, like: Tensor, rng: Streams) -> Tensor:
        """Draw :math:`n`, shaped and typed like `like`."""


sources = role("source", Source)


@sources.register("normal")
@dataclass(frozen=True)
class Normal(Source):
    """Independent standard normal numbers."""

    scored = True

    def sample(self, like: Tensor, rng: Streams) -> Tensor:
        return rng.normal(like)
