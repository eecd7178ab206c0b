"""Axes, boxes and voxels: a landmark stays where it is in the world."""

from __future__ import annotations

from itertools import permutations, product
from typing import Any

import nibabel
import numpy as np
import pytest
from nibabel import Nifti1Image
from nibabel.affines import voxel_sizes
from scipy import ndimage

from geodrift_mri3d.geometry import Sampling, canonical, centre, foreground
from geodrift_mri3d.geometry.orientation import canonical_frame
from geodrift_mri3d.grid import Grid
from geodrift_mri3d.preparation import prepared, prepared_labels
from geodrift_mri3d.volume import LABELS, volume

from .conftest import GRID, LANDMARK, affine_of, centroid, head

ORIENTATIONS = [(order, signs) for order in permutations(range(3)) for signs in product((1, -1), repeat=3)]
SHAPE, ZOOMS = (61, 48, 75), (1.7, 2.3, 1.25)  # odd sides, other sizes along each axis
OBLIQUE = (11.0, -17.0, 8.0)


def far(image: Nifti1Image) -> float:
    """How far the landmark of a prepared image is from where it was, mm."""
    bright = np.maximum(np.asarray(image.dataobj) + 0.1, 0)  # only the landmark is above
    return float(np.abs(centroid(bright, image.affine) - LANDMARK).max())


@pytest.mark.parametrize("degrees", [(0.0, 0.0, 0.0), OBLIQUE], ids=["straight", "oblique"])
@pytest.mark.parametrize(("order", "signs"), ORIENTATIONS)
def test_a_landmark_keeps_its_place_in_the_world(order: Any, signs: Any, degrees: Any) -> None:
    shape, zooms = [SHAPE[axis] for axis in order], [ZOOMS[axis] for axis in order]
    affine = affine_of(order, signs, zooms, shape, degrees)
    data, labels = head(shape, affine)
    ready = prepared(volume(data, affine, {LABELS: volume(labels, affine)}), GRID)
    assert ready.shape == GRID.shape
    assert nibabel.aff2axcodes(ready.affine) == ("R", "A", "S")
    np.testing.assert_allclose(voxel_sizes(ready.affine), GRID.spacing, rtol=1e-6)
    assert far(ready) < 0.02 * 2.5
    moved = ready.extra[LABELS]
    np.testing.assert_array_equal(moved.affine, ready.affine)
    assert np.abs(centroid(np.asarray(moved.dataobj) == 3, moved.affine) - LANDMARK).max() < 0.2 * 2.5


@pytest.mark.parametrize("zooms", [(1.25, 1.25, 1.25), (0.8, 0.9, 3.3), (2.5, 1.2499, 3.0), (2.5, 2.5, 2.5)], ids=str)
def test_it_does_for_coarser_finer_and_whole_sizes(zooms: Any) -> None:
    shape = [int(130 / zoom) for zoom in zooms]
    affine = affine_of((0, 1, 2), (1, 1, 1), zooms, shape, OBLIQUE)
    assert far(prepared(volume(head(shape, affine)[0], affine), GRID)) < 0.02 * 2.5


@pytest.mark.parametrize("shape", [(60, 70, 110), (50, 76, 92), (57, 67, 95)], ids=str)  # the last two: the grid's box
def test_labels_alone_are_brought_to_the_grid_like_those_of_an_image(shape: Any) -> None:
    zooms = (2.0, 1.5, 1.0) if shape[0] == 60 else np.array([100.0, 115.0, 95.0])[[1, 0, 2]] / shape
    affine = affine_of((1, 0, 2), (1, -1, 1), zooms, shape, OBLIQUE)
    data, labels = head(shape, affine)
    beside = prepared(volume(data, affine, {LABELS: volume(labels, affine)}), GRID).extra[LABELS]
    alone = prepared_labels(volume(labels, affine), GRID)
    np.testing.assert_array_equal(np.asarray(alone.dataobj), np.asarray(beside.dataobj))
    np.testing.assert_array_equal(alone.affine, beside.affine)
    assert alone.get_data_dtype() == np.uint8


@pytest.mark.parametrize(("order", "signs"), ORIENTATIONS)
def test_axes_are_those_of_nibabel(order: Any, signs: Any) -> None:
    affine = affine_of(order, signs, (1, 2, 3), (2, 3, 4), OBLIQUE)
    data = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    expected = nibabel.as_closest_canonical(Nifti1Image(data, affine))
    found, moved = canonical(data, affine)
    np.testing.assert_array_equal(found, np.asarray(expected.dataobj))
    np.testing.assert_allclose(moved, expected.affine)
    shape, same = canonical_frame(data.shape, affine)
    assert shape == found.shape
    np.testing.assert_array_equal(same, moved)


def test_a_whole_factor_is_the_mean_of_what_a_voxel_covers() -> None:
    data = np.random.default_rng(0).random((8, 9, 8), dtype=np.float32)
    sampling = Sampling.centred((3.5, 4.0, 3.5), np.eye(4), Grid((4, 3, 4), (2.0, 3.0, 2.0)))
    found = sampling(data, 0.0)
    np.testing.assert_allclose(found, data.reshape(4, 2, 3, 3, 4, 2).mean((1, 3, 5)), rtol=1e-6)
    assert found.sum() * 12 == pytest.approx(data.sum(), rel=1e-6)
    np.testing.assert_allclose(sampling.affine(np.eye(4))[:3, 3], [0.5, 1.0, 0.5])


def test_the_integral_of_an_image_is_kept() -> None:
    affine = affine_of((0, 1, 2), (1, 1, 1), (1.1, 0.7, 1.9), (90, 140, 60), OBLIQUE)
    data, _ = head((90, 140, 60), affine)
    found = Sampling.centred((44.5, 69.5, 29.5), affine, Grid((70, 70, 70), (2.0, 2.0, 2.0)))(data, 0.0)
    assert found.sum() * 8 == pytest.approx(data.sum() * 1.1 * 0.7 * 1.9, rel=2e-3)


def test_finer_voxels_are_interpolated_linearly() -> None:
    data = np.random.default_rng(0).random((6, 7, 8), dtype=np.float32)
    sampling = Sampling((5, 6, 4), (0.7, 0.1, 1.3), (0.6, 0.8, 0.55))
    places = [0.7 + 0.6 * np.arange(5), 0.1 + 0.8 * np.arange(6), 1.3 + 0.55 * np.arange(4)]
    expected = ndimage.map_coordinates(data, np.meshgrid(*places, indexing="ij"), order=1)
    np.testing.assert_allclose(sampling(data, 0.0), expected, atol=1e-6)


def test_what_is_finer_than_the_new_voxels_does_not_come_back_as_something_else() -> None:
    stripes = np.cos(np.pi * 0.9 * np.arange(100))[:, None, None] * np.ones((1, 4, 4))
    sampling = Sampling((38, 4, 4), (2.0, 0.0, 0.0), (2.5, 1.0, 1.0))
    assert np.abs(stripes[2:97:5]).max() > 0.8
    assert np.abs(sampling(stripes, 0.0)).max() < 0.1


def test_outside_an_image_is_what_surrounds_it() -> None:
    found = Sampling((6, 3, 3), (-2.0, 0.0, 0.0), (1.0, 1.0, 1.0))(np.ones((2, 3, 3)), -5.0)
    np.testing.assert_allclose(found[:, 0, 0], [-5, -5, 1, 1, -5, -5])
    half = Sampling((2, 1, 1), (-0.5, 0.0, 0.0), (1.0, 1.0, 1.0))(np.ones((2, 1, 1)), -5.0)
    np.testing.assert_allclose(half[:, 0, 0], [-2, 1])


def test_the_label_with_the_most_voxels_wins() -> None:
    labels = np.zeros((2, 2, 6), np.uint8)
    labels[..., :2] = [[[1, 1], [1, 3]], [[3, 3], [2, 3]]]
    labels[..., 2:4] = [[[2, 2], [2, 2]], [[0, 0], [0, 0]]]
    labels[..., 4:] = [[[2, 2], [2, 2]], [[2, 0], [0, 0]]]
    found = Sampling((1, 1, 3), (0.5, 0.5, 0.5), (2.0, 2.0, 2.0)).labels(labels)
    assert found.ravel().tolist() == [3, 0, 2]
    assert found.dtype == np.uint8


def test_the_box_is_around_the_largest_part() -> None:
    data = np.zeros((20, 20, 20))
    data[3:10, 4:8, 5:15] = 100.0
    data[10, 8, 15] = 100.0  # touches at a corner
    data[15:18, 15:18, 15:18] = 300.0
    data += np.random.default_rng(0).random(data.shape)
    mask = foreground(data)
    assert mask.sum() == 7 * 4 * 10 + 1
    assert centre(mask).tolist() == [6.5, 6.0, 10.0]
    assert centre(np.zeros((3, 4, 5), bool)).tolist() == [1.0, 1.5, 2.0]
