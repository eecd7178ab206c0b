r"""Volumes as rows of a data set in memory, and how much the channels of all of them vary."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from nibabel import Nifti1Image
from torch import Tensor

from geodrift.domain import Refusal
from geodrift.errors import InputError
from geodrift_mri3d.grid import Grid
from geodrift_mri3d.preparation import prepared
from geodrift_mri3d.volume import LABELS, name, tensor

_FULL = 32767
_ROWS = 8


def pack(volumes: Tensor) -> Tensor:
    """Numbers in [-1, 1] in two bytes each."""
    return (volumes * _FULL).round().clamp(-_FULL, _FULL).to(torch.int16)


def unpack(rows: Tensor) -> Tensor:
    """The numbers of `pack`, in the default type."""
    return rows.to(torch.get_default_dtype()) / _FULL


def rows(
    images: Sequence[Nifti1Image], grid: Grid, labelled: bool
) -> tuple[dict[str, Tensor], list[int], list[Refusal]]:
    """The images on the grid, `volume` and, where asked for, `labels`; the positions of those kept, and the others."""
    volumes, labels, kept, refused = [], [], [], []
    for place, image in enumerate(images):
        try:
            ready = prepared(image, grid)
            labels.append(_labels(ready) if labelled else torch.empty(0))
        except InputError as error:
            refused.append(Refusal(place, name(image, str(place)), str(error)))
            continue
        volumes.append(pack(tensor(ready)))
        kept.append(place)
    packed = {"volume": torch.stack(volumes) if volumes else torch.empty(0, *grid.shape, dtype=torch.int16)}
    return packed | ({"labels": torch.stack(labels)} if labelled and labels else {}), kept, refused


def _labels(image: Nifti1Image) -> Tensor:
    found = image.extra.get(LABELS)
    if found is None:
        raise InputError(f"{name(image)}: has no tissue labels, which the model is conditioned on; add NAME_tissue.nii")
    return torch.from_numpy(np.asarray(found.dataobj).astype(np.uint8))


def units(packed: Tensor, channels: Callable[[Tensor], Tensor]) -> tuple[float, ...]:
    """The units of the channels of volumes `(n, X, Y, Z)`, see `geodrift_mri3d.codec`."""
    spread = _deviations(packed, channels)
    return tuple(torch.sqrt(spread.clamp(min=1e-4) * spread.square().mean().sqrt()).tolist())


def _deviations(packed: Tensor, channels: Callable[[Tensor], Tensor]) -> Tensor:
    """The standard deviation of each channel over places and volumes `(n, X, Y, Z)`, `(C,)`."""
    total = square = torch.zeros((), dtype=torch.float64)
    count = 0
    for start in range(0, len(packed), _ROWS):
        flat = channels(unpack(packed[start : start + _ROWS])).double().movedim(1, 0).flatten(1)
        total, square, count = total + flat.sum(1), square + (flat**2).sum(1), count + flat.shape[1]
    return (square / count - (total / count) ** 2).clamp(min=0).sqrt()
