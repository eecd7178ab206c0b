"""Preparation: intensities, what it leaves alone, and what it refuses."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from nibabel import Nifti1Image
from nibabel.affines import apply_affine
from numpy.typing import NDArray

from geodrift.errors import InputError
from geodrift_mri3d.files import read
from geodrift_mri3d.grid import Grid
from geodrift_mri3d.intensity import scaled
from geodrift_mri3d.phantom import GRID as PHANTOMS
from geodrift_mri3d.phantom import phantoms
from geodrift_mri3d.preparation import prepared, prepared_labels
from geodrift_mri3d.volume import CONDITIONS, LABELS, NAME, SOURCE, volume

from .conftest import GRID, affine_of, head

BOX = Grid((10, 12, 8), (2.0, 2.0, 2.0))


def numbers(image: Nifti1Image) -> NDArray[np.float32]:
    return np.asarray(image.dataobj)


def noise(shape: tuple[int, int, int] = BOX.shape) -> NDArray[np.float64]:
    return np.random.default_rng(0).gamma(2.0, 50.0, shape)


@pytest.fixture(scope="module")
def image() -> Nifti1Image:
    """A head in axes that are not the grid's."""
    affine = affine_of((2, 0, 1), (-1, 1, -1), (1.5, 1.9, 1.7), (55, 60, 65), (5.0, 9.0, -7.0))
    data, labels = head((55, 60, 65), affine)
    told = {NAME: "a", CONDITIONS: {"age": 30.0}, "else": 1}
    return volume(data, affine, {**told, LABELS: volume(labels, affine, {NAME: "a_tissue"})})


def test_percentiles_become_the_ends() -> None:
    data = noise((40, 30, 20))
    found = scaled(data)
    ranks = np.sort(data.ravel())
    low, high = ranks[23], ranks[-24]  # 0.1 % of 23,999 steps is 23.999
    np.testing.assert_allclose(found, 2 * (data.clip(low, high) - low) / (high - low) - 1, atol=1e-6)
    assert (found == -1).sum() == (found == 1).sum() == 24
    np.testing.assert_allclose(scaled(found), found, atol=1e-6)


def test_contrast_and_scale_of_the_scanner_do_not_matter(image: Nifti1Image) -> None:
    data = numbers(image)
    louder = volume(7.5 * data + 100, image.affine, image.extra)
    np.testing.assert_allclose(numbers(prepared(louder, GRID)), numbers(prepared(image, GRID)), atol=1e-5)


def test_to_prepare_again_changes_nothing(image: Nifti1Image) -> None:
    once = prepared(image, GRID)
    again = prepared(once, GRID)
    assert numbers(once).dtype == np.float32
    assert (numbers(once).min(), numbers(once).max()) == (-1, 1)
    np.testing.assert_array_equal(numbers(again), numbers(once))
    np.testing.assert_array_equal(again.affine, once.affine)
    np.testing.assert_array_equal(numbers(again.extra[LABELS]), numbers(once.extra[LABELS]))
    assert numbers(again.extra[LABELS]).dtype == np.uint8


def test_what_is_known_stays_with_the_image(image: Nifti1Image) -> None:
    ready = prepared(image, GRID)
    assert {key: value for key, value in ready.extra.items() if key != LABELS} == {
        NAME: "a",
        CONDITIONS: {"age": 30.0},
        "else": 1,
    }
    assert ready.extra[LABELS].extra == {NAME: "a_tissue"}
    assert image.extra[LABELS].shape == (55, 60, 65)
    assert ready.header.get_xyzt_units()[0] == "mm"


def test_an_image_on_the_grid_stays_where_it_is() -> None:
    data = np.zeros(BOX.shape)
    data[:4, :5, :3] = noise((4, 5, 3))  # in a corner
    affine = affine_of((0, 1, 2), (1, 1, 1), BOX.spacing, BOX.shape, (4.0, 3.0, -5.0))
    ready = prepared(volume(data, affine), BOX)
    np.testing.assert_array_equal(ready.affine, affine)
    np.testing.assert_allclose(numbers(ready), scaled(data), atol=1e-6)


def test_one_that_is_only_flipped_is_only_flipped_back() -> None:
    data, affine = noise(), affine_of((0, 1, 2), (-1, -1, 1), BOX.spacing, BOX.shape, (0.0, 0.0, 0.0))
    ready = prepared(volume(data, affine), BOX)
    np.testing.assert_allclose(numbers(ready), scaled(data)[::-1, ::-1], atol=1e-6)
    np.testing.assert_allclose(apply_affine(ready.affine, [9, 11, 0]), apply_affine(affine, [0, 0, 0]))


def test_numbers_of_a_model_are_kept_as_they_are() -> None:
    data = (noise() / 500 - 1).clip(-1, 0.6).astype(np.float32)
    np.testing.assert_array_equal(numbers(prepared(volume(data, BOX.affine), BOX)), data)
    for phantom in phantoms():
        np.testing.assert_array_equal(numbers(prepared(phantom, PHANTOMS)), numbers(phantom))


def test_axes_in_which_a_head_was_stored_do_not_matter() -> None:
    ready = []
    for order, signs in (((0, 1, 2), (1, 1, 1)), ((2, 1, 0), (-1, 1, -1)), ((1, 2, 0), (1, -1, -1))):
        shape, zooms = [(61, 59, 57)[axis] for axis in order], [(1.25, 1.6, 1.9)[axis] for axis in order]
        affine = affine_of(order, signs, zooms, shape, (6.0, 2.0, 3.0))
        ready.append(prepared(volume(head(shape, affine)[0], affine), GRID))
    for other in ready[1:]:
        np.testing.assert_allclose(other.affine, ready[0].affine, atol=1e-9)
        np.testing.assert_allclose(numbers(other), numbers(ready[0]), atol=1e-5)


def test_a_box_beyond_the_image_is_background(image: Nifti1Image) -> None:
    ready = prepared(image, Grid((80, 80, 80), (2.5, 2.5, 2.5)))
    assert (numbers(ready)[:8] == -1).all()
    assert (numbers(ready.extra[LABELS])[:8] == 0).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_numbers_that_are_not_finite_are_refused(value: float) -> None:
    data = noise()
    data[1, 2, 3] = value
    with pytest.raises(InputError, match=r"^x/a\.nii: 1 voxels are not finite numbers"):
        prepared(volume(data, BOX.affine, {SOURCE: "x/a.nii"}), BOX)


def test_constant_volumes_are_refused() -> None:
    with pytest.raises(InputError, match=r"^a: all voxels are 7; leave the image out"):
        prepared(volume(np.full(BOX.shape, 7.0), BOX.affine, {NAME: "a"}), BOX)


@pytest.mark.parametrize("value", [0.4, -1.0, 256.0])
def test_labels_are_whole_numbers_of_one_byte(value: float) -> None:
    labels = np.ones(BOX.shape)
    labels[0, 0, 0] = value
    marked = volume(labels, BOX.affine, {NAME: "m"})
    for refused in (
        lambda: prepared_labels(marked, BOX),
        lambda: prepared(volume(noise(), BOX.affine, {LABELS: marked}), BOX),
    ):
        with pytest.raises(InputError, match=r"^m: labels must be whole numbers from 0 to 255"):
            refused()


def test_labels_have_the_shape_of_their_image() -> None:
    marked = volume(np.ones((3, 3, 3)), np.eye(4), {NAME: "m"})
    with pytest.raises(InputError, match=r"^m: labels of shape \(3, 3, 3\), the image has \(10, 12, 8\)"):
        prepared(volume(noise(), BOX.affine, {LABELS: marked}), BOX)


def test_real_brains_are_prepared_in_a_moment(shared_data: Path) -> None:
    brains = read(shared_data / "mri3d" / "ixi", {"rows": "0:3"}).objects
    grid = Grid((40, 48, 40), (4.0, 4.0, 4.0))
    began = time.process_time()
    ready = [prepared(brain, grid) for brain in brains]
    assert (time.process_time() - began) / len(ready) < 2
    for brain, small in zip(brains, ready, strict=True):
        tissue, before = (numbers(each.extra[LABELS]) for each in (small, brain))
        lost = np.abs(np.bincount(tissue.ravel(), minlength=4)[2:] * 8 / np.bincount(before.ravel())[2:] - 1)
        assert lost.max() < 0.12  # grey and white matter keep their volumes
        assert numbers(small)[tissue == 3].mean() > numbers(small)[tissue == 2].mean() + 0.2


def test_an_image_of_the_same_box_is_averaged_where_it_is() -> None:
    data = np.random.default_rng(0).random((20, 24, 16), dtype=np.float32)
    data[:8] = 0  # a brain that is not in the middle
    fine = Grid((20, 24, 16), (2.0, 2.0, 2.0))
    found = prepared(volume(data, fine.affine), Grid((10, 12, 8), (4.0, 4.0, 4.0)))
    blocks = data.reshape(10, 2, 12, 2, 8, 2).mean((1, 3, 5))
    assert np.corrcoef(np.asarray(found.dataobj).ravel(), blocks.ravel())[0, 1] > 0.999
    np.testing.assert_allclose(found.affine, Grid((10, 12, 8), (4.0, 4.0, 4.0)).affine)
