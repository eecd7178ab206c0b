r"""What the first of an interpolant's two outputs is; the second is the denoiser :math:`\eta`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor

from geodrift.registry import role


class Head(ABC):
    """A field from which the drift of the path follows."""

    @abstractmethod
    def target(self, mean: Tensor, wobble: Tensor) -> Tensor:
        """What the field is the mean of, from the velocities of the mean path and of the latent."""

    @abstractmethod
    def velocities(self, first: Tensor, wobble: Tensor) -> tuple[Tensor, Tensor]:
        """The drift and the velocity of the mean path, from the field and :math:`\\gamma' \\eta`."""


heads = role("head", Head)


@heads.register("drift")
@dataclass(frozen=True)
class Drift(Head):
    """The whole drift :math:`u`; it stays finite where a Brownian latent sets in."""

    def target(self, mean: Tensor, wobble: Tensor) -> Tensor:
        return mean + wobble

    def velocities(self, first: Tensor, wobble: Tensor) -> tuple[Tensor, Tensor]:
        return first, first - wobble


@heads.register("mean")
@dataclass(frozen=True)
class Mean(Head):
    """The velocity :math:`v` of the mean path, whose target has a bounded variance."""

    def target(self, mean: Tensor, wobble: Tensor) -> Tensor:
        return mean

    def velocities(self, first: Tensor, wobble: Tensor) -> tuple[Tensor, Tensor]:
        return first + wobble, first
