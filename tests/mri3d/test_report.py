"""The report: self-contained and escaped, and pictures whose left is left and whose front is up."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
from nibabel import Nifti1Image
from PIL import Image

from geodrift.metric import share
from geodrift_mri3d import domain
from geodrift_mri3d.report import body
from geodrift_mri3d.report.pictures import MOSAIC, mosaic, planes, png, stack
from geodrift_mri3d.volume import CONDITIONS, FAILED, volume


def marked() -> Nifti1Image:
    """Bright spots: left, front, top."""
    data = np.full((12, 16, 10), -1.0, np.float32)
    data[1, 8, 5], data[6, 14, 5], data[6, 8, 8] = 1.0, 0.5, 0.2
    return volume(data, np.eye(4))


def test_left_is_left_front_and_top_are_up() -> None:
    found = planes(marked())
    axial, coronal, sagittal = found[:, :12], found[:, 12:24], found[:, 24:]
    assert np.argwhere(axial == 1.0).tolist() == [[7, 1]]
    assert np.argwhere(axial == 0.5).tolist() == [[1, 6]]
    assert np.argwhere(np.isclose(coronal, 0.2)).tolist() == [[4, 6]]  # three rows of black above its ten
    assert np.argwhere(np.isclose(sagittal, 0.2)).tolist() == [[4, 8]]
    assert np.argwhere(sagittal == 0.5).tolist() == [[7, 14]]


def test_a_stack_begins_with_the_lowest_slice() -> None:
    found = stack(marked())
    assert found.shape == (160, 12)
    assert np.argwhere(np.isclose(found, 0.2)).tolist() == [[8 * 16 + 7, 6]]


def test_a_picture_holds_the_numbers() -> None:
    shown = np.array(Image.open(io.BytesIO(png(np.array([[-1.0, 0.0], [1.0, 2.0]], np.float32), 3))))
    assert shown.shape == (6, 6)
    assert shown[::3, ::3].tolist() == [[0, 128], [255, 255]]


def test_a_mosaic_is_written_beside_the_samples(tmp_path: Path) -> None:
    written = domain.write(domain.examples(), tmp_path)
    assert tmp_path / MOSAIC in written
    shown = np.array(Image.open(tmp_path / MOSAIC))
    one = planes(domain.examples()[0])
    scale = shown.shape[1] // (2 * one.shape[1])
    assert shown.shape == (3 * one.shape[0] * scale, 2 * one.shape[1] * scale)
    assert shown[-1, -1] == 0  # five volumes on six places
    assert mosaic(domain.examples()[:1], tmp_path).stat().st_size > 100


def test_it_needs_nothing_from_elsewhere_and_is_the_same_again() -> None:
    objects = domain.examples()
    text = body(objects, objects[:3], [share("finite", 5, 5)])
    assert not re.search(r'https?:|href=|@import|<link|src="(?!data:)|url\((?!data:)', text)
    assert text == body(objects, objects[:3], [share("finite", 5, 5)])


def test_it_shows_all_of_it() -> None:
    objects = domain.examples()
    text = body(objects, objects[:3], [])
    cards = re.findall(r'<img src="data:image/png;base64,([^"]+)" alt="([^"]+)"', text)
    assert [alt for _, alt in cards[:2]] == ["Brain 0: age 25, sex F", "Brain 1: age 40, sex M"]
    first = np.array(Image.open(io.BytesIO(base64.b64decode(cards[0][0]))))
    assert first.shape == planes(objects[0]).shape
    assert "Brain 0 above phantom0, 0.000 apart" in text
    assert text.count('type="range"') == 5
    assert "16 × 24 × 16 voxels of 10 × 8 × 10 mm" in text


def test_what_data_say_is_escaped_and_failures_are_told() -> None:
    odd = volume(domain.examples()[0].dataobj, np.eye(4), {CONDITIONS: {"site": "<script>"}})
    broken = volume(np.zeros((1, 1, 1), np.float32), np.eye(4), {FAILED: "a <b> reason"})
    text = body([odd, broken], [], [])
    assert "site &lt;script&gt;" in text
    assert "a &lt;b&gt; reason" in text
    assert "2 volumes, 1 failed" in text
    assert "There are no samples" in body([broken], [], [])
