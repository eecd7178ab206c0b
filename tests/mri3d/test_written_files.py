"""Samples as files: what comes back, what other tools see, and that nothing is written over."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest
from nibabel import Nifti1Image

from geodrift.errors import InputError
from geodrift_mri3d import domain
from geodrift_mri3d.files import read, samples, write
from geodrift_mri3d.phantom import GRID, phantoms
from geodrift_mri3d.preparation import prepared
from geodrift_mri3d.volume import CONDITIONS, FAILED, LABELS, NAME, volume


@pytest.mark.parametrize("name", ["../00000", "/etc/passwd", "a\\x00b", "x" * 300])
def test_a_table_does_not_lead_out_of_its_folder(name: str, tmp_path: Path) -> None:
    write(phantoms()[:2], tmp_path)
    write(phantoms()[:1], tmp_path / "inner")
    table = tmp_path / "inner/samples.tsv"
    table.write_text(table.read_text().replace("00000\t", f"{name}\t"))
    with pytest.raises(InputError, match="is not the name of a sample"):
        read(tmp_path / "inner")


def test_samples_come_back_as_they_were_written(tmp_path: Path) -> None:
    heads = phantoms()[:3]
    heads[1] = volume(
        np.zeros(GRID.shape), GRID.affine, {FAILED: "numbers\tthat are not finite", CONDITIONS: {"age": 7}}
    )
    heads[2].extra["like"] = "IXI014"
    written = write(heads, tmp_path / "out")
    expected = ["00000.nii.gz", "00002.nii.gz", "00000_tissue.nii.gz", "00002_tissue.nii.gz", "samples.tsv"]
    assert [path.name for path in written] == expected
    assert (tmp_path / "out" / "samples.tsv").read_text().splitlines() == [
        "sample\tage\tsex\tsample_failed\tsample_like",
        "00000\t25.0\tF\tn/a\tn/a",
        "00001\t7\tn/a\tnumbers that are not finite\tn/a",
        "00002\t55.0\tF\tn/a\tIXI014",
    ]
    found = samples(tmp_path / "out")
    for head, image in ((heads[0], found[0]), (heads[2], found[2])):
        assert np.abs(np.asarray(image.dataobj) - np.asarray(head.dataobj)).max() < 1.01 / 65535
        np.testing.assert_allclose(image.affine, head.affine, atol=1e-4)
        np.testing.assert_array_equal(np.asarray(image.extra[LABELS].dataobj), np.asarray(head.extra[LABELS].dataobj))
        assert image.extra[CONDITIONS] == head.extra[CONDITIONS]
        again = np.asarray(prepared(image, GRID).dataobj)
        assert np.abs(again - np.asarray(prepared(head, GRID).dataobj)).max() < 2 / 65535
        assert domain.same(image, head)
    assert found[1].shape == (1, 1, 1)
    assert found[1].extra == {NAME: "00001", FAILED: "numbers that are not finite", CONDITIONS: {"age": 7.0}}
    assert found[2].extra["like"] == "IXI014"
    reading = read(tmp_path / "out", {"sex": "F"})
    assert [image.extra[NAME] for image in reading.objects] == ["00000", "00002"]
    assert [(r.index, r.name, r.reason) for r in read(tmp_path / "out").refused] == [
        (2, "00001", "numbers that are not finite")
    ]


def test_what_other_tools_see_in_a_sample(tmp_path: Path) -> None:
    affine = np.array([[1.9, 0.3, 0, -20], [-0.3, 1.9, 0, 30], [0, 0, 2.1, 4], [0, 0, 0, 1]])
    data = np.linspace(-1, 1, 60, dtype=np.float32).reshape(3, 4, 5)
    path = write([volume(data, affine)], tmp_path)[0]
    image = nibabel.load(path)
    assert isinstance(image, Nifti1Image)
    np.testing.assert_allclose(np.asarray(image.dataobj), (data + 1) / 2, atol=1 / 65535)
    assert (np.asarray(image.dataobj).min(), image.get_data_dtype()) == (0, np.uint16)
    for found, code in (image.get_sform(coded=True), image.get_qform(coded=True)):
        assert code == 2
        np.testing.assert_allclose(found, affine, atol=1e-5)
    assert image.header.get_xyzt_units() == ("mm", "unknown")
    assert image.header["descrip"].item() == b"Synthetic image, geodrift"


def test_the_same_samples_are_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write(phantoms()[:2], tmp_path / folder)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
    assert gzip.decompress((tmp_path / "a" / "00000.nii.gz").read_bytes())[:4] == (348).to_bytes(4, "little")
    assert (tmp_path / "a" / "00000.nii.gz").read_bytes()[4:8] == bytes(4)


@pytest.mark.parametrize("there", ["00001.nii.gz", "00000_tissue.nii.gz", "samples.tsv"])
def test_nothing_is_written_over(there: str, tmp_path: Path) -> None:
    (tmp_path / there).write_text("precious")
    with pytest.raises(InputError, match=rf"{there}: exists already and is not written over"):
        write(phantoms()[:2], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [there]
    assert (tmp_path / there).read_text() == "precious"


def test_a_sample_whose_file_is_damaged_has_failed(tmp_path: Path) -> None:
    write(phantoms()[:2], tmp_path)
    (tmp_path / "00001.nii.gz").write_bytes(b"?" * 600)
    found = samples(tmp_path)
    assert [FAILED in image.extra for image in found] == [False, True]
    assert "00001.nii.gz: cannot be read" in found[1].extra[FAILED]


def test_numbers_that_are_not_finite_are_written_as_a_failure(tmp_path: Path) -> None:
    write([volume(np.full((2, 2, 2), np.nan), np.eye(4))], tmp_path)
    assert samples(tmp_path)[0].extra[FAILED] == "numbers that are not finite"
