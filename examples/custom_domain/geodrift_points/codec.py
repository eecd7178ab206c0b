"""Points as states and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
from geodrift import State, Streams
from geodrift.domain import Compact
from torch import Tensor

Point = tuple[float, float]


@dataclass(frozen=True)
class Codec:
    """Points scaled to unit variance.

    Arguments:
        mean: Of the training points.
        std: Standard deviation of the training points, all coordinates together.
    """

    mean: tuple[float, float]
    std: float

    scales: ClassVar[Mapping[str, tuple[float, float]]] = {}  # mean and deviation of conditions; there are none
    exact: ClassVar[tuple[str, ...]] = ()  # conditions that hold by construction

    @classmethod
    def fit(cls, points: Sequence[Point]) -> Codec:
        """The codec of training points."""
        std, mean = torch.std_mean(torch.tensor(points, dtype=torch.float64), 0)
        x, y = mean.tolist()
        return cls((x, y), max(float(std.square().mean().sqrt()), 1e-6))

    def dump(self) -> dict[str, Any]:
        return asdict(self)

    def compact(self, objects: Sequence[Point]) -> Compact:
        table = (torch.tensor(objects, dtype=torch.float64) - torch.tensor(self.mean, dtype=torch.float64)) / self.std
        return Compact({"points": table.float()}, list(range(len(objects))), [])

    def batch(self, arrays: Mapping[str, Tensor], index: Tensor) -> tuple[State, dict[str, Tensor]]:
        return State({"points": arrays["points"][index]}), {}

    def blank(self, rng: Streams, cond: Mapping[str, Tensor]) -> State:
        return State({"points": torch.zeros(len(rng), 2)})

    def decode(self, state: State) -> list[Point]:
        table = state["points"].cpu().double() * self.std + torch.tensor(self.mean, dtype=torch.float64)
        return [(x, y) for x, y in table.tolist()]
