"""Details within what volumes may be: around a head nothing is darker than the background."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate, max_pool3d

_LEAST = 1e-6


def shrunk(whole: Tensor, coarse: Tensor, limits: tuple[float, float]) -> Tensor:
    """Volumes whose details are shrunk, block by block, to what the limits allow; the blocks keep their means.

    Arguments:
        whole: The volumes, `(B, X, Y, Z)`.
        coarse: Their means over blocks of eight voxels, `(B, 1, X/2, Y/2, Z/2)`.
        limits: The least and the greatest value.
    """
    around = interpolate(coarse, scale_factor=2.0)
    away = whole[:, None] - around
    least, most = (max_pool3d(part, 2).clamp(min=_LEAST) for part in (-away, away))
    room = torch.minimum((coarse - limits[0]) / least, (limits[1] - coarse) / most).clamp(0, 1)
    found: Tensor = (around + interpolate(room, scale_factor=2.0) * away)[:, 0]
    return found
