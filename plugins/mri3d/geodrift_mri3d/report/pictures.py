"""Volumes as grey pictures: three planes, stacks of slices, a mosaic of many."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from nibabel import Nifti1Image
from numpy.typing import NDArray

Picture = NDArray[np.float32]

MOSAIC = "mosaic.png"
_LEAST = 96  # pixels of a plane's side
_SHOWN = 64
_BLACK = -1.0


def planes(image: Nifti1Image | NDArray[Any]) -> Picture:
    """Axial, coronal and sagittal planes through the middle, side by side: front or top up, left on the left."""
    data = _numbers(image)
    x, y, z = (side // 2 for side in data.shape)
    cuts = [np.rot90(data[:, :, z]), np.rot90(data[:, y, :]), np.rot90(data[x])]
    height = max(cut.shape[0] for cut in cuts)
    return np.concatenate([_padded(cut, height) for cut in cuts], 1)


def stack(image: Nifti1Image) -> Picture:
    """All axial slices, from the lowest, below each other."""
    data = _numbers(image)
    return np.concatenate([np.rot90(data[:, :, z]) for z in range(data.shape[2])])


def mosaic(images: Sequence[Nifti1Image], folder: Path) -> Path:
    """Write the three planes of the first images, in rows, as one PNG."""
    cards = [planes(image) for image in images[:_SHOWN]]
    across = max(1, math.floor(math.sqrt(len(cards))))
    blank = np.full_like(cards[0], _BLACK)
    cards += [blank] * (-len(cards) % across)
    rows = [np.concatenate(cards[start : start + across], 1) for start in range(0, len(cards), across)]
    path = folder / MOSAIC
    path.write_bytes(png(np.concatenate(rows), math.ceil(_LEAST / images[0].shape[1])))
    return path


def png(picture: Picture, enlarged: int = 1) -> bytes:
    """A picture in [-1, 1] as PNG, each number a square of pixels."""
    from PIL import Image

    grey = ((picture + 1) * 127.5).clip(0, 255).round().astype(np.uint8)
    held = io.BytesIO()
    Image.fromarray(grey.repeat(enlarged, 0).repeat(enlarged, 1)).save(held, "PNG", optimize=True)
    return held.getvalue()


def inline(picture: Picture) -> str:
    """The same as the address of a picture within a page."""
    return f"data:image/png;base64,{base64.b64encode(png(picture)).decode()}"


def _numbers(image: Nifti1Image | NDArray[Any]) -> Picture:
    return np.asarray(image if isinstance(image, np.ndarray) else image.dataobj, dtype=np.float32)


def _padded(cut: Picture, height: int) -> Picture:
    below = (height - cut.shape[0]) // 2
    return np.pad(cut, ((height - cut.shape[0] - below, below), (0, 0)), constant_values=_BLACK)
