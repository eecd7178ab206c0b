"""A network of fully connected layers."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from geodrift import State
from torch import Tensor, nn


class Network(nn.Module):
    """Maps noisy points and times to velocities.

    Arguments:
        width: Units of a layer.
        layers: Hidden layers.
    """

    def __init__(self, width: int = 64, layers: int = 3) -> None:
        super().__init__()
        hidden = [part for _ in range(layers - 1) for part in (nn.Linear(width, width), nn.SiLU())]
        self.body = nn.Sequential(nn.Linear(3, width), nn.SiLU(), *hidden, nn.Linear(width, 2))

    def forward(self, z: State, t: Tensor, cond: Mapping[str, Tensor]) -> State:
        return z.map(lambda points: self.body(torch.cat([points, t[:, None]], -1)))
