r"""Where in time training looks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from geodrift.registry import Positive, Share, role
from geodrift.rng import Streams

LATEST = torch.tensor(1 - 2.0**-53, dtype=torch.float64)
"""The largest uniform number."""


class TimeLaw(ABC):
    """A law of training times, as the map from uniform numbers in (0, 1) to times in (0, 1)."""

    @abstractmethod
    def place(self, u: Tensor) -> Tensor: ...

    def stratified(self, count: int, device: torch.device, rng: Streams) -> Tensor:
        """One time for each of `count` samples of a batch; all of the batch have an equal share of the law each."""
        rank, ranks = rng.part
        number = torch.arange(count, device=device) * ranks + rank
        strata = (number + rng.uniform(torch.empty(count, device=device))) / (count * ranks)
        return self.place(strata).to(torch.get_default_dtype())


time_laws = role("time law", TimeLaw)


@time_laws.register("uniform")
@dataclass(frozen=True)
class Uniform(TimeLaw):
    """All times alike, away from the ends.

    Arguments:
        least: Distance kept from the data end.
        most: The latest time.
    """

    least: Share = 1e-5
    most: Share = 1.0

    def place(self, u: Tensor) -> Tensor:
        return self.least + (self.most - self.least) * u


@time_laws.register("power")
@dataclass(frozen=True)
class Power(TimeLaw):
    """Times nearer to the data, :math:`u^p`; two is the `polydec` distortion of discrete flows.

    Arguments:
        exponent: :math:`p > 0`.
    """

    exponent: Positive = 2.0

    def place(self, u: Tensor) -> Tensor:
        return torch.pow(u, self.exponent)


@time_laws.register("logit-normal")
@dataclass(frozen=True)
class LogitNormal(TimeLaw):
    """Times around the middle: the logistic function of a normal number.

    Arguments:
        mean: Mean of the logit.
        std: Its standard deviation.
    """

    mean: float = 0.0
    std: Positive = 1.0

    def place(self, u: Tensor) -> Tensor:
        return torch.sigmoid(self.mean + self.std * torch.special.ndtri(u))


@time_laws.register("shifted")
@dataclass(frozen=True)
class Shifted(TimeLaw):
    """Another law's times moved towards the source: :math:`s t / (1 + (s - 1) t)`.

    On the straight path it multiplies the ratio of noise to signal by :math:`s`. Data of :math:`m` times as many
    entries that say the same hide as much at :math:`s = \\sqrt{m}` times the noise.

    Arguments:
        shift: :math:`s`; below one it moves them towards the data.
        law: The other law.

    References:
        | Scaling Rectified Flow Transformers (Esser et al., 2024), section 5.3.2, https://arxiv.org/abs/2403.03206
    """

    shift: Positive = 3.0
    law: TimeLaw = Uniform()

    def place(self, u: Tensor) -> Tensor:
        t = self.law.place(u)
        return self.shift * t / (1 + (self.shift - 1) * t)
