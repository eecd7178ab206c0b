r"""How data are written as points of a space.

Files and decoders speak in the data's own values: classes, bond orders, intensities. A continuous process moves real
vectors. An embedding goes from the first to the second and back, so that one data set serves every process.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot


class Embedding(ABC):
    """A way to write data values as real vectors."""

    channels: int

    @property
    @abstractmethod
    def points(self) -> Tensor:
        """The vectors of the classes, `(K, channels)`.

        Raises:
            TypeError: When the data are not classes.
        """

    @abstractmethod
    def embed(self, x: Tensor) -> Tensor:
        """Data values to points."""

    @abstractmethod
    def quantize(self, z: Tensor) -> Tensor:
        """Points to the nearest data values."""

    def moved(self, z: Tensor, x: Tensor) -> Tensor:
        """The points where mean vectors `z` of data lie when these have moved to `x`."""
        return self.embed(x).to(z)


@dataclass(frozen=True)
class Identity(Embedding):
    """Real data, `(..., channels)` or without a channel axis, as they are."""

    channels: int = 1

    @property
    def points(self) -> Tensor:
        raise TypeError("real data have no classes to predict; choose another parametrization")

    def embed(self, x: Tensor) -> Tensor:
        return x

    def quantize(self, z: Tensor) -> Tensor:
        return z


@dataclass(frozen=True)
class OneHot(Embedding):
    """Classes `(...)` as corners of a simplex `(..., classes)`.

    Arguments:
        classes: The number of classes.
        scale: Value of the class that is; the others are zero.
        shift: Subtracted from every entry.
    """

    classes: int
    scale: float = 1.0
    shift: float = 0.0

    @property
    def channels(self) -> int:  # type: ignore[override]
        return self.classes

    @property
    def points(self) -> Tensor:
        return self.embed(torch.arange(self.classes))

    def embed(self, x: Tensor) -> Tensor:
        return one_hot(x, self.classes).to(torch.get_default_dtype()) * self.scale - self.shift

    def quantize(self, z: Tensor) -> Tensor:
        return z.argmax(-1)


@dataclass(frozen=True)
class Ordinal(Embedding):
    """Ordered classes `(...)`, such as bond orders, as one real number each, `(..., 1)`.

    Arguments:
        classes: The number of classes.
        scale: Distance between neighbouring classes.
        shift: Subtracted from every number.
    """

    classes: int
    scale: float = 1.0
    shift: float = 0.0
    channels: int = 1

    @property
    def points(self) -> Tensor:
        return self.embed(torch.arange(self.classes))

    def embed(self, x: Tensor) -> Tensor:
        return x[..., None].to(torch.get_default_dtype()) * self.scale - self.shift

    def quantize(self, z: Tensor) -> Tensor:
        return ((z[..., 0] + self.shift) / self.scale).round().clamp(0, self.classes - 1).long()


@dataclass(frozen=True)
class Circle(Embedding):
    """Periodic numbers `(...)` as points of the unit circle, `(..., 2)`; back, the direction of any vector.

    Arguments:
        period: Length of the circle in units of the data, which are in `[0, period)`.
    """

    period: float = 1.0
    channels: int = 2

    @property
    def points(self) -> Tensor:
        raise TypeError("periodic data have no classes to predict; choose another parametrization")

    def embed(self, x: Tensor) -> Tensor:
        angle = x.to(torch.get_default_dtype()) * (2 * math.pi / self.period)
        return torch.stack((torch.cos(angle), torch.sin(angle)), -1)

    def quantize(self, z: Tensor) -> Tensor:
        x = torch.remainder(torch.atan2(z[..., 1], z[..., 0]) * (self.period / (2 * math.pi)), self.period)
        return torch.where(x == self.period, 0.0, x)  # the remainder of a tiny negative number rounds to the period

    def moved(self, z: Tensor, x: Tensor) -> Tensor:
        """They keep their lengths, which say how sure they are."""
        length: Tensor = torch.linalg.vector_norm(z, dim=-1, keepdim=True)
        return length * self.embed(x).to(z)
