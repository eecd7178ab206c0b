r"""The native object: a nibabel image, which carries its place in the world, with what else is known beside it.

`image.extra` is a dictionary of nibabel's that is kept with an image. Here it holds the entries named below, each of
them only where it is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from nibabel import Nifti1Image
from nibabel.spatialimages import SpatialImage
from numpy.typing import NDArray
from torch import Tensor

NAME = "name"  # of the subject or the file
SOURCE = "source"  # the file it was read from
CONDITIONS = "conditions"  # columns of participants.tsv: numbers and texts by name
LABELS = "labels"  # an image of tissue labels on the same grid: 0 background, 1 CSF, 2 grey matter, 3 white matter
FAILED = "failed"  # why a generated sample is no brain


def volume(data: NDArray[Any] | Tensor, affine: NDArray[Any], extra: Mapping[str, Any] | None = None) -> Nifti1Image:
    """An image of these numbers.

    Arguments:
        data: `(X, Y, Z)`.
        affine: From voxels to millimetres of the scanner's frame (RAS+), `(4, 4)`.
        extra: What is known of it, by the names of this module.
    """
    numbers = data.detach().cpu().numpy() if isinstance(data, Tensor) else np.asarray(data)
    image = Nifti1Image(numbers, affine, extra=dict(extra or {}))
    image.header.set_xyzt_units("mm")
    return image


def tensor(image: SpatialImage) -> Tensor:
    """The numbers of an image, `(X, Y, Z)` in single precision."""
    return torch.from_numpy(np.ascontiguousarray(np.asarray(image.dataobj), dtype=np.float32))


def name(image: SpatialImage, otherwise: str = "") -> str:
    """What an image is called."""
    return str(image.extra.get(NAME, otherwise))


def conditions(image: SpatialImage) -> Mapping[str, Any]:
    """What is known of the subject: numbers and texts by name."""
    found: Mapping[str, Any] = image.extra.get(CONDITIONS, {})
    return found
