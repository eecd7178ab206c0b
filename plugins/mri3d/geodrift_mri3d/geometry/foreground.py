r"""What an image shows, and the middle of the box around it.

An image without labels is cut as BET does first, at a tenth of the way from its 2nd to its 98th percentile. That is the
brain where all else was removed, and the head where it was not. Specks do not count: only the largest connected part
does, where voxels that touch at a corner are connected.

References:
    | Smith, Fast robust automated brain extraction, Human Brain Mapping 17 (2002), section 2.1
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_ENDS = 2, 98  # percentiles
_CUT = 0.1


def foreground(data: NDArray[Any]) -> NDArray[np.bool_]:
    """The voxels that are brighter than the background, those of the largest connected part, `(X, Y, Z)`."""
    low, high = np.percentile(data, _ENDS)
    return largest(data > low + _CUT * (high - low))


def largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest connected part of a mask; the mask itself where it is empty."""
    parts, count = ndimage.label(mask, structure=np.ones((3, 3, 3)))
    if count < 2:
        return mask
    sizes = np.bincount(parts.ravel())
    return np.asarray(parts == 1 + sizes[1:].argmax())


def centre(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The middle of the box around a mask, in voxels `(3,)`; that of the image where the mask is empty."""
    box = ndimage.find_objects(mask.astype(np.uint8))
    ends = [(side.start, side.stop) for side in box[0]] if box else [(0, side) for side in mask.shape]
    return np.asarray((np.array(ends).sum(1) - 1) / 2)
