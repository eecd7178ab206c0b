r"""Small synthetic heads, to try things with: nested ellipsoids of the three tissues, with two ventricles."""

from __future__ import annotations

import numpy as np
from nibabel import Nifti1Image
from numpy.typing import NDArray

from geodrift_mri3d.grid import Grid
from geodrift_mri3d.volume import CONDITIONS, LABELS, NAME, volume

GRID = Grid((16, 24, 16), (10.0, 8.0, 10.0))
INTENSITIES = np.array([-1.0, -0.6, 0.1, 0.8])  # of background, CSF, grey and white matter


def phantom(grid: Grid, ventricles: float, age: float, sex: str, number: int = 0) -> Nifti1Image:
    """A head.

    Arguments:
        grid: Its voxels.
        ventricles: Size of the ventricles, as a share of the head.
        age, sex: Noted with the image.
        number: Of its name, and of the pattern of its tissues.
    """
    labels = _tissues(_coordinates(grid), ventricles)
    shade = 0.05 * np.random.default_rng(number).standard_normal(grid.shape)
    data = np.where(labels > 0, INTENSITIES[labels] + shade, -1.0).clip(-1, 1).astype(np.float32)
    data.flat[0], data.flat[data.argmax()] = -1.0, 1.0
    told = {NAME: f"phantom{number}", CONDITIONS: {"age": age, "sex": sex}}
    return volume(data, grid.affine, {**told, LABELS: volume(labels, grid.affine)})


def phantoms() -> list[Nifti1Image]:
    """A few different heads."""
    ages = (25.0, 40.0, 55.0, 70.0, 80.0)
    return [phantom(GRID, 0.12 + 0.003 * age, age, "FM"[i % 2], i) for i, age in enumerate(ages)]


def _coordinates(grid: Grid) -> NDArray[np.float64]:
    """Places of the voxels in units of the head's half axes, `(3, X, Y, Z)`."""
    sides = [(np.arange(side) - (side - 1) / 2) / (0.42 * side) for side in grid.shape]
    return np.stack(np.meshgrid(*sides, indexing="ij"))


def _tissues(places: NDArray[np.float64], ventricles: float) -> NDArray[np.uint8]:
    radius = np.sqrt((places**2).sum(0))
    labels = np.select([radius < 0.7, radius < 0.9, radius < 1.0], [3, 2, 1], 0).astype(np.uint8)
    for side in (-0.22, 0.22):
        beside = places - np.array([side, 0.0, 0.1])[:, None, None, None]
        labels[np.sqrt((beside**2 / np.array([0.5, 1.2, 0.7])[:, None, None, None]).sum(0)) < ventricles] = 1
    return labels
