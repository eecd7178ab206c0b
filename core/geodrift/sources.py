r"""What a path ends in: the law of :math:`n` in :math:`z_t = \alpha_t x + \sigma_t n`."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from geodrift.errors import InputError
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

    def log_prob(self, n: Tensor) -> Tensor:
        """The log-density of :math:`n`, elementwise.

        Raises:
            InputError: When the law has none that is known.
        """
        raise InputError(f"{self} has no known density, so a path from it gives no likelihood; use a normal source")


sources = role("source", Source)


@sources.register("normal")
@dataclass(frozen=True)
class Normal(Source):
    """Independent standard normal numbers."""

    scored = True

    def sample(self, like: Tensor, rng: Streams) -> Tensor:
        return rng.normal(like)

    def log_prob(self, n: Tensor) -> Tensor:
        return -torch.square(n) / 2 - math.log(2 * math.pi) / 2
