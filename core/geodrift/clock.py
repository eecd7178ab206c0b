r"""What a whole sample tells its network: the time, its size, the conditions.

A number :math:`x` enters as :math:`\cos(\omega_k x), \sin(\omega_k x)` with rates :math:`\omega_k` from 1 down to
:math:`10^{-4}`, for :math:`x = 1000\,t` and for the size; conditions enter through a `Conditioner`.

References:
    | Attention Is All You Need (Vaswani et al., 2017), https://arxiv.org/abs/1706.03762
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from geodrift.conditioning import Conditioner


def waves(x: Tensor, width: int) -> Tensor:
    """Cosines and sines `(B, width)` of numbers `(B,)`, with periods from about 6 to 60,000."""
    rates = torch.exp(torch.arange(width // 2, device=x.device) * (-math.log(1e4) / (width // 2)))
    angles = x[:, None] * rates
    return torch.cat([angles.cos(), angles.sin()], -1)


class Clock(nn.Module):
    """Embeds time, size and conditions as one vector a sample.

    Arguments:
        hidden: Size of the vector.
        conditions: Mean and standard deviation of each condition, in its unit.
    """

    def __init__(self, hidden: int, conditions: Mapping[str, tuple[float, float]]) -> None:
        super().__init__()
        self.width = hidden // 2 * 2
        self.net = nn.Sequential(nn.Linear(2 * self.width, hidden), nn.SiLU(), nn.Linear(hidden, hidden))
        self.conditioner = Conditioner(conditions, hidden) if conditions else None

    def forward(self, t: Tensor, sizes: Tensor, cond: Mapping[str, Tensor]) -> Tensor:
        vector: Tensor = self.net(torch.cat([waves(1000 * t, self.width), waves(sizes, self.width)], -1))
        if self.conditioner is not None:
            vector = vector + self.conditioner(cond, t)
        return F.silu(vector)
