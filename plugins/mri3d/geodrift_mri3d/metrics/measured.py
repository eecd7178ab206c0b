r"""A set of volumes and what is measured on each of them, once: tissues, features, a coarse copy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from nibabel import Nifti1Image
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool3d

from geodrift_mri3d.grid import Grid
from geodrift_mri3d.metrics.appearance import quantiles, spectra
from geodrift_mri3d.metrics.features import network
from geodrift_mri3d.metrics.settings import SEGMENTER
from geodrift_mri3d.metrics.summary import Summary
from geodrift_mri3d.preparation import prepared
from geodrift_mri3d.segmenter import shipped
from geodrift_mri3d.tissue import CLASSES
from geodrift_mri3d.volume import conditions, name, tensor

Floats = NDArray[np.float64]

COARSE = 16
"""Places of the coarse copy along each axis, or fewer where there are not as many voxels."""


@dataclass(frozen=True, eq=False)
class Measured:
    """Volumes of one grid.

    Arguments:
        grid: Their voxels.
        volumes: In [-1, 1], `(n, X, Y, Z)`.
        labels: Of the tissues, `(n, X, Y, Z)`.
        summary: The numbers that sets are compared by.
        names: What each is called.
        told: The conditions of each.
    """

    grid: Grid
    volumes: Tensor
    labels: Tensor
    summary: Summary
    names: Sequence[str]
    told: Sequence[Mapping[str, Any]]

    @classmethod
    def of(cls, images: Sequence[Nifti1Image], grid: Grid, features: str = SEGMENTER) -> Self:
        """The images, prepared, segmented by the shipped segmenter.

        Arguments:
            images: Any that can be prepared.
            grid: The voxels to bring them to.
            features: The name of a network; see `geodrift_mri3d.metrics.features`.
        """
        volumes = torch.stack([tensor(prepared(image, grid)) for image in images])
        labels, seen = shipped()(volumes, grid)
        if features != SEGMENTER:
            seen = network(features)(volumes, grid)
        summary = Summary(
            seen.double().numpy(),
            coarse(volumes),
            spectra(volumes, grid),
            quantiles(volumes, labels),
            millilitres(labels, grid),
        )
        names = [name(image, str(place)) for place, image in enumerate(images)]
        return cls(grid, volumes, labels, summary, names, [conditions(image) for image in images])

    def __len__(self) -> int:
        return len(self.volumes)

    @property
    def csf_fraction(self) -> Floats:
        """CSF by all three tissues, `(n,)`."""
        return self.summary.regions["csf_fraction"]


def millilitres(labels: Tensor, grid: Grid) -> Floats:
    """The volume of CSF, grey and white matter in maps `(n, X, Y, Z)`, `(n, 3)`."""
    counts = [(labels == tissue).flatten(1).sum(1) for tissue in range(1, CLASSES)]
    return torch.stack(counts, 1).double().numpy() * (float(np.prod(grid.spacing)) / 1000)


def coarse(volumes: Tensor) -> Floats:
    """Averages over blocks of volumes `(n, X, Y, Z)`, `(n, P)`."""
    x, y, z = (min(side, COARSE) for side in volumes.shape[1:])
    return adaptive_avg_pool3d(volumes[:, None], (x, y, z)).flatten(1).double().numpy()
