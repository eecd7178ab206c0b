r"""A small U-Net that gives each voxel the logits of background, CSF, grey and white matter.

It sees the intensities and, as a second channel, the logarithm of the voxel's size, so that one network serves all
spacings that it was trained on. The means of its deepest channels over the brain are the features of a volume.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad

from geodrift_mri3d.tissue import CLASSES

_REFERENCE = 3.0  # mm, a voxel of size one
_GROUPS = 8


def _block(inputs: int, outputs: int) -> nn.Sequential:
    """Two convolutions."""
    layers: list[nn.Module] = []
    for width in (inputs, outputs):
        layers += [nn.Conv3d(width, outputs, 3, padding=1), nn.GroupNorm(_GROUPS, outputs), nn.SiLU()]
    return nn.Sequential(*layers)


class SegmentationNetwork(nn.Module):
    """The network.

    Arguments:
        channels: Of each level; each has half the side of the one before.
    """

    def __init__(self, channels: tuple[int, ...] = (16, 32, 64)) -> None:
        super().__init__()
        self.factor = 2 ** (len(channels) - 1)
        self.size = channels[-1]
        pairs = list(zip((2, *channels), channels, strict=False))
        self.down = nn.ModuleList(_block(*pair) for pair in pairs)
        self.up = nn.ModuleList(_block(low + high, high) for high, low in reversed(list(pairwise(channels))))
        self.out = nn.Conv3d(channels[0], CLASSES, 1)

    def encode(self, volumes: Tensor, spacing: float) -> list[Tensor]:
        """What each level sees of volumes `(B, X, Y, Z)` in [-1, 1], padded to whole blocks with background."""
        short = [-side % self.factor for side in volumes.shape[1:]]
        padded = pad(volumes, [n for side in reversed(short) for n in (0, side)], value=-1.0)
        size = torch.full_like(padded, spacing / _REFERENCE).log()
        seen = [self.down[0](torch.stack([padded, size], 1))]
        for block in self.down[1:]:
            seen.append(block(nn.functional.max_pool3d(seen[-1], 2)))
        return seen

    def decode(self, seen: list[Tensor]) -> Tensor:
        """Logits `(B, 4, X, Y, Z)` of what the levels saw."""
        x = seen[-1]
        for block, skip in zip(self.up, reversed(seen[:-1]), strict=True):
            x = block(torch.cat([interpolate(x, scale_factor=2.0, mode="nearest"), skip], 1))
        logits: Tensor = self.out(x)
        return logits

    def forward(self, volumes: Tensor, spacing: float) -> Tensor:
        """Logits `(B, 4, X, Y, Z)` of volumes `(B, X, Y, Z)` with voxels of this size, mm."""
        x, y, z = volumes.shape[1:]
        return self.decode(self.encode(volumes, spacing))[..., :x, :y, :z]
