r"""Whether volumes are copies of training volumes.

Each volume's distance to the nearest training volume, or its mirror image, is compared with those of held-out
subjects: the share below their 5th percentile is 0.05 for volumes that are as new as a new subject, more for copies.

References:
    | Unconditional Latent Diffusion Models Memorize Patient Imaging Data (Dar et al., 2023), https://arxiv.org/abs/2402.01054
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from geodrift_mri3d.metrics.measured import Measured, coarse

Floats = NDArray[np.float64]

PERCENTILE = 5.0


@dataclass(frozen=True, eq=False)
class Nearest:
    """The nearest training volume of each of a set.

    Arguments:
        distance: Root mean square over coarse places, in units of [-1, 1], `(n,)`.
        index: Which it is, `(n,)`.
    """

    distance: Floats
    index: NDArray[np.int64]


def nearest(measured: Measured, training: Measured) -> Nearest:
    """The nearest training volumes, by coarse copies, mirrored or not."""
    mirrored = coarse(torch.flip(training.volumes, (1,)))
    away = np.minimum(cdist(measured.summary.coarse, training.summary.coarse), cdist(measured.summary.coarse, mirrored))
    return Nearest(away.min(1) / np.sqrt(measured.summary.coarse.shape[1]), away.argmin(1))


def copied(samples: Nearest, held_out: Nearest) -> int:
    """How many samples are nearer to a training volume than 95 % of held-out subjects are."""
    return int((samples.distance < np.percentile(held_out.distance, PERCENTILE)).sum())
