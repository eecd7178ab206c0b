"""What a representation of volumes is, and the simplest one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor

from geodrift.registry import role


class Representation(ABC):
    """An invertible way to write volumes `(B, X, Y, Z)` as channels `(B, C, X', Y', Z')`.

    A package may register one of its own, such as the latent space of an autoencoder. Channel 0 is the coarsest.
    """

    @property
    @abstractmethod
    def channels(self) -> int:
        """The number of channels, `C`."""

    @property
    @abstractmethod
    def factor(self) -> int:
        """How many voxels along each axis become one place; the sides of a grid must be multiples of it."""

    @abstractmethod
    def forward(self, volumes: Tensor) -> Tensor:
        """Volumes to channels."""

    @abstractmethod
    def inverse(self, channels: Tensor) -> Tensor:
        """Channels to volumes."""


representations = role("representation", Representation)


@representations.register("voxels")
@dataclass(frozen=True)
class Voxels(Representation):
    """One channel, the volume itself."""

    channels = 1
    factor = 1

    def forward(self, volumes: Tensor) -> Tensor:
        return volumes[:, None]

    def inverse(self, channels: Tensor) -> Tensor:
        return channels[:, 0]
