"""Maps of tissues: 0 background, 1 cerebrospinal fluid, 2 grey matter, 3 white matter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from geodrift.errors import InputError
from geodrift_mri3d.grid import Grid

TISSUE = "tissue"
"""The condition that is a map."""
TISSUES = ("CSF", "GM", "WM")
CLASSES = 1 + len(TISSUES)


def asked(path: str, grid: Grid) -> Tensor:
    """The map in a file, brought to a grid, `(X, Y, Z)`.

    Raises:
        InputError: When the file is not a map of tissues.
    """
    from geodrift_mri3d.files import read_labels
    from geodrift_mri3d.preparation import prepared_labels

    ready = prepared_labels(read_labels(Path(path)), grid)
    labels = torch.from_numpy(np.asarray(ready.dataobj).astype(np.int64))
    if labels.min() < 0 or labels.max() >= CLASSES:
        raise InputError(f"{path}: labels from {labels.min()} to {labels.max()}; use 0 background, 1 CSF, 2 GM, 3 WM")
    return labels
