r"""How alike the volumes of a set are: multi-scale structural similarity of random pairs, by MONAI.

Three scales with the published weights of the first three, made to add up to one; lower is more diverse, and only
means something beside real volumes.

References:
    | Multi-Scale Structural Similarity (Wang et al., 2003)
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from geodrift.stages import stage

Floats = NDArray[np.float64]

_WEIGHTS = np.array([0.0448, 0.2856, 0.3001])
_WINDOW = 7
LEAST = _WINDOW * (len(_WEIGHTS) - 1) ** 2
"""The least side of a volume that can be compared."""
_VOXELS = 2**21


def similarities(volumes: Tensor, pairs: int, rng: np.random.Generator) -> Floats:
    """The similarity of random pairs, all different, of volumes `(n, X, Y, Z)` in [-1, 1]."""
    from monai.metrics.regression import compute_ms_ssim

    first, second = np.triu_indices(len(volumes), 1)
    chosen = rng.permutation(len(first))[:pairs]
    size, weights = max(1, _VOXELS // volumes[0].numel()), (_WEIGHTS / _WEIGHTS.sum()).tolist()
    found = []
    with stage("similarity of pairs", len(chosen)) as done:
        for start in range(0, len(chosen), size):
            rows = chosen[start : start + size]
            one, other = ((volumes[torch.from_numpy(side[rows])][:, None] + 1) / 2 for side in (first, second))
            found.append(compute_ms_ssim(one, other, 3, 1.0, kernel_size=_WINDOW, weights=weights)[:, 0])
            done(len(rows))
    return torch.cat(found).double().numpy()
