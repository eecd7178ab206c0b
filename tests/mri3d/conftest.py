"""Heads with landmarks whose place in the world is known, in any axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nibabel import Nifti1Image
from numpy.typing import NDArray

from geodrift_mri3d.files import read
from geodrift_mri3d.grid import Grid
from geodrift_mri3d.volume import NAME

MIDDLE = np.array([12.0, -30.0, 45.0])  # of the head, mm of the world
LANDMARK = MIDDLE + np.array([17.0, 9.0, -14.0])
AXES = np.array([36.0, 42.0, 33.0])  # half, of the head, mm
GRID = Grid((40, 46, 38), (2.5, 2.5, 2.5))
WIDTH = 5.0  # of the landmark, mm


def turned(degrees: Sequence[float]) -> NDArray[np.float64]:
    """A rotation about the three axes, one after another."""
    found = np.eye(3)
    for axis, angle in enumerate(np.radians(degrees)):
        i, j = [other for other in range(3) if other != axis]
        turn = np.eye(3)
        turn[[i, j], [i, j]], turn[i, j], turn[j, i] = np.cos(angle), -np.sin(angle), np.sin(angle)
        found = found @ turn
    return found


def affine_of(
    order: Sequence[int], signs: Sequence[int], zooms: Sequence[float], shape: Sequence[int], degrees: Sequence[float]
) -> NDArray[np.float64]:
    """Axis k of the voxels goes along the world's axis `order[k]`, turned; the box is around the head, not exactly."""
    affine = np.eye(4)
    affine[:3, :3] = (turned(degrees)[:, list(order)] * signs) * zooms
    affine[:3, 3] = MIDDLE + np.array([3.0, -2.0, 4.0]) - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return affine


def world(shape: Sequence[int], affine: NDArray[Any]) -> NDArray[np.float64]:
    """Where the voxels are, `(X, Y, Z, 3)`, mm."""
    places = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    return np.asarray(places @ affine[:3, :3].T + affine[:3, 3])


def head(shape: Sequence[int], affine: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """A dim ellipsoid with a bright landmark, and its labels: 2 in the head, 3 in the landmark."""
    places = world(shape, affine)
    inside = (((places - MIDDLE) / AXES) ** 2).sum(-1) < 1
    away = ((places - LANDMARK) ** 2).sum(-1)
    data = 30.0 * inside + 200.0 * np.exp(-away / (2 * WIDTH**2))
    return data.astype(np.float32), (2 * inside + (away < (1.5 * WIDTH) ** 2)).clip(0, 3).astype(np.uint8)


def centroid(weight: NDArray[Any], affine: NDArray[Any]) -> NDArray[np.float64]:
    """The middle of these weights in the world, mm."""
    places = world(weight.shape, affine)
    return np.asarray((places * weight[..., None]).sum((0, 1, 2)) / weight.sum())


Saved = Callable[..., Path]


@pytest.fixture
def saved(tmp_path: Path) -> Saved:
    """Writes a small image into the folder of the test: by default numbers from 0 to 119, 4 × 5 × 6 voxels of 2 mm."""

    def save(name: str, data: NDArray[Any] | None = None, affine: NDArray[Any] | None = None, kind: Any = None) -> Path:
        numbers = np.arange(120, dtype=np.int16).reshape(4, 5, 6) if data is None else data
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        (kind or Nifti1Image)(numbers, np.diag([2.0, 2, 2, 1]) if affine is None else affine).to_filename(path)
        return path

    return save


@pytest.fixture
def table(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a table, given with spaces between its columns."""

    def save(text: str, name: str = "participants.tsv") -> Path:
        path = tmp_path / name
        path.write_text("\n".join("\t".join(line.split()) for line in text.strip().splitlines()) + "\n")
        return path

    return save


def refusal(folder: Path) -> str:
    """The reason why one of the images of a folder is refused; the others are read."""
    reading = read(folder)
    assert [image.extra[NAME] for image in reading.objects] == ["a", "z"]
    [refused] = reading.refused
    assert (refused.index, refused.name) == (2, "bad")
    assert "\n" not in refused.reason
    assert "bad" in refused.reason
    return refused.reason


@pytest.fixture
def batch(saved: Saved, tmp_path: Path) -> Path:
    """A folder with two good images."""
    saved("a.nii.gz")
    saved("z.nii")
    return tmp_path
