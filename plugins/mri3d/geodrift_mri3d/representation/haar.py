r"""The orthonormal Haar transform of volumes.

One level replaces each block of :math:`2 \times 2 \times 2` voxels by eight numbers: its sum over :math:`\sqrt 8`, the
low band, and seven differences. Further levels transform the low band again. The differences of a finer level, which
have more places than the low band, are folded into channels, so that all channels have the places of the last level:
:math:`8^L` channels at :math:`1 / 2^L` of each side. The transform is orthonormal: white noise stays white, and
squared errors of coefficients are squared errors of voxels.

References:
    | WDM: 3D Wavelet Diffusion Models (Friedrich et al., 2024), https://arxiv.org/abs/2402.19043
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from geodrift.registry import Count
from geodrift_mri3d.representation.representation import Representation, representations


@representations.register("haar")
@dataclass(frozen=True)
class Haar(Representation):
    """The transform of some levels; channel 0 is the low band, and coarser differences come before finer ones.

    Arguments:
        levels: How many.
    """

    levels: Count = 2

    @property
    def channels(self) -> int:
        return int(8**self.levels)

    @property
    def factor(self) -> int:
        return int(2**self.levels)

    def forward(self, volumes: Tensor) -> Tensor:
        low = volumes[:, None]
        fine: list[Tensor] = []
        for level in range(self.levels):
            bands = _rotate(_fold(low, 2))
            low, details = bands[:, :1], bands[:, 1:]
            fine.insert(0, _fold(details, 2 ** (self.levels - 1 - level)))
        return torch.cat([low, *fine], 1)

    def inverse(self, channels: Tensor) -> Tensor:
        low, rest = channels[:, :1], channels[:, 1:]
        for level in reversed(range(self.levels)):
            folded = 2 ** (self.levels - 1 - level)
            details, rest = rest[:, : 7 * folded**3], rest[:, 7 * folded**3 :]
            low = _unfold(_rotate(torch.cat([low, _unfold(details, folded)], 1)), 2)
        return low[:, 0]


def _fold(x: Tensor, side: int) -> Tensor:
    """Blocks of `side`³ places become channels: `(B, C, X, Y, Z)` to `(B, C side³, X / side, …)`."""
    return _split(x, side).permute(0, 1, 3, 5, 7, 2, 4, 6).flatten(1, 4) if side > 1 else x


def _split(x: Tensor, side: int) -> Tensor:
    b, c, *sides = x.shape
    return x.reshape(b, c, *(n for whole in sides for n in (whole // side, side)))


def _unfold(x: Tensor, side: int) -> Tensor:
    """The inverse of `_fold`."""
    b, c, *sides = x.shape
    blocks = x.reshape(b, c // side**3, side, side, side, *sides).permute(0, 1, 5, 2, 6, 3, 7, 4)
    return blocks.reshape(b, c // side**3, *(n * side for n in sides))


def _rotate(x: Tensor) -> Tensor:
    """The Walsh–Hadamard rotation of groups of eight channels, its own inverse."""
    pair = torch.tensor([[1.0, 1.0], [1.0, -1.0]], dtype=x.dtype, device=x.device) / 2**0.5
    matrix = torch.kron(pair, torch.kron(pair, pair))
    return torch.einsum("ij,bj...->bi...", matrix, x)
