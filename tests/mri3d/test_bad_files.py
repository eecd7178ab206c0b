"""Bad files: each is refused in one line that names it and says what to do, and the rest of the batch goes on."""

from __future__ import annotations

import gzip
import pickle  # noqa: TID251 - to show that it is not read
import re
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nibabel import MGHImage, Nifti1Header

from geodrift.errors import InputError
from geodrift_mri3d.files import NOTES, read, read_labels
from geodrift_mri3d.grid import Grid
from geodrift_mri3d.preparation import prepared

from .conftest import Saved, refusal

Tabled = Callable[..., Path]
GRID = Grid((4, 5, 6), (2.0, 2.0, 2.0))
TURN = np.array([[1.0, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
SHEAR = np.array([[2.0, 1, 0, 0], [0, 2, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1]])


def changed(path: Path, **fields: Any) -> None:
    """Change fields of the header of a file, as they are stored."""
    content = path.read_bytes()
    header = Nifti1Header(content[:348], check=False)
    for name, value in fields.items():
        if isinstance(value, dict):
            for place, number in value.items():
                header[name][place] = number
        else:
            header[name] = value
    path.write_bytes(header.binaryblock + content[348:])


HEADERS: dict[str, tuple[dict[str, Any], str]] = {
    "two volumes": ({"dim": [4, 4, 5, 3, 2, 1, 1, 1]}, r"4 axes \(4, 5, 3, 2\), several volumes; save one of them"),
    "a slice": ({"dim": [2, 4, 30, 1, 1, 1, 1, 1]}, r"its shape is \(4, 30\), not a volume"),
    "flat": ({"dim": [3, 4, 30, 1, 1, 1, 1, 1]}, r"its shape is \(4, 30, 1\), not a volume"),
    "negative side": ({"dim": [3, -4, 5, 6, 1, 1, 1, 1]}, r"its shape is \(-4, 5, 6\); export"),
    "zero zoom": ({"pixdim": {2: 0}}, r"voxels of 2 × 0 × 2 mm; sizes must be positive, correct pixdim"),
    "negative zoom": ({"pixdim": {1: -2}}, r"voxels of -2 × 2 × 2 mm; sizes must be positive"),
    "zoom no number": ({"pixdim": {3: np.nan}}, r"voxels of 2 × 2 × nan mm; sizes must be positive"),
    "affine no number": ({"srow_x": {0: np.nan}}, r"affine has numbers that are not finite; correct sform or qform"),
    "affine of zeros": ({"srow_y": [0, 0, 0, 0]}, r"its affine is singular"),
    "wrong quaternion": ({"sform_code": 0, "qform_code": 1, "quatern_b": 3}, r"wrong header: w2 should be positive"),
    "huge voxels": ({"srow_z": [0, 0, 200, 0]}, r"voxels of 2 × 2 × 200 mm by its affine, not within 0.1 to 20 mm"),
    "metres": ({"xyzt_units": 1}, r"lengths are in metres; write the file in mm"),
    "colours": ({"datatype": 128, "bitpix": 24}, r"its voxels are colours"),
    "complex numbers": ({"datatype": 32, "bitpix": 64}, r"its voxels are complex numbers \(complex64\); save"),
    "unknown numbers": ({"datatype": 777}, r"wrong header: 777 is no kind of numbers; export"),
    "infinite scale": ({"scl_slope": 1, "scl_inter": np.inf}, r"wrong header: Valid slope but invalid intercept"),
    "bomb": ({"dim": [3, 30000, 30000, 30000, 1, 1, 1, 1]}, r"27,000,000,000,000 voxels, more than fit in the 512 MiB"),
    "more than is there": ({"dim": [3, 40, 50, 60, 1, 1, 1, 1]}, r"truncated: 592 of 240,352 bytes; copy the file"),
    "voxels far away": ({"vox_offset": 2.0**30}, r"its voxels begin at byte 1,073,741,824; export"),
    "voxels nowhere": ({"vox_offset": np.nan}, r"wrong header: cannot convert float NaN"),
    "two files": ({"magic": b"ni1"}, r"voxels are not in the same file \(Analyze or \.hdr and \.img\); convert it"),
}


@pytest.mark.parametrize("case", HEADERS)
def test_wrong_headers(case: str, batch: Path, saved: Saved) -> None:
    fields, said = HEADERS[case]
    changed(saved("bad.nii"), **fields)
    reason = refusal(batch)
    assert reason.startswith(f"{batch / 'bad.nii'}: ")
    assert re.search(said, reason), reason


@pytest.mark.parametrize(("affine", "said"), [(TURN, "its affine is singular"), (SHEAR, "axes are not perpendicular")])
def test_wrong_affines(affine: Any, said: str, batch: Path, saved: Saved) -> None:
    path = saved("bad.nii")
    changed(path, **{f"srow_{axis}": row for axis, row in zip("xyz", affine, strict=False)})
    assert said in refusal(batch)


CONTENTS: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "empty": ("bad.nii", lambda good: b"", "not a NIfTI file, or cut off within its header"),
    "a web page": ("bad.nii", lambda good: b"<html>" * 200, "not a NIfTI file"),
    "a pickle": ("bad.nii", lambda good: pickle.dumps(np.arange(999)), "not a NIfTI file"),
    "no gzip": ("bad.nii.gz", lambda good: good, "cannot be read: Not a gzipped file"),
    "gzip cut off": ("bad.nii.gz", lambda good: gzip.compress(good)[:40], "cannot be read: Compressed file ended"),
    "gzip damaged": ("bad.nii.gz", lambda good: gzip.compress(good)[:10] + b"\xff" * 80, "cannot be read: Error -3"),
    "header cut off": ("bad.nii", lambda good: good[:200], "not a NIfTI file, or cut off within its header"),
    "voxels cut off": ("bad.nii", lambda good: good[:400], "truncated: 400 of 592 bytes; copy the file again"),
    "NIfTI called mgz": ("bad.mgz", lambda good: gzip.compress(good), "wrong header: Unknown MGH format version"),
    "short mgz": ("bad.mgz", lambda good: gzip.compress(b"\0\0\0\1"), "wrong header: "),
}


@pytest.mark.parametrize("case", CONTENTS)
def test_wrong_contents(case: str, batch: Path, saved: Saved) -> None:
    name, change, said = CONTENTS[case]
    good = saved("z.nii").read_bytes()
    (batch / name).write_bytes(change(good))
    reason = refusal(batch)
    assert reason.startswith(f"{batch / name}: ")
    assert said in reason


def test_voxels_cut_off_in_gzip_are_noticed_when_they_are_read(batch: Path, saved: Saved) -> None:
    noise = np.random.default_rng(0).integers(0, 1000, (30, 30, 30)).astype(np.int16)
    path = saved("bad.nii.gz", noise)
    path.write_bytes(path.read_bytes()[:20_000])
    [image] = read(batch, {"subjects": "bad"}).objects
    with pytest.raises(InputError, match=r"bad\.nii\.gz: voxels cannot be read: .*; copy the file again"):
        prepared(image, GRID)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_noticed_when_they_are_read(value: float, saved: Saved) -> None:
    data = np.ones((4, 5, 6), np.float32)
    data[0, :2] = value
    with pytest.raises(InputError, match=r"bad\.nii: 12 voxels are not finite numbers"):
        prepared(read(saved("bad.nii", data)).objects[0], GRID)


def test_a_constant_volume_is_noticed_when_it_is_read(saved: Saved) -> None:
    with pytest.raises(InputError, match=r"bad\.nii: all voxels are 3; leave the image out"):
        prepared(read(saved("bad.nii", np.full((4, 5, 6), 3, np.int16))).objects[0], GRID)


def test_a_bomb_is_not_inflated(batch: Path, saved: Saved) -> None:
    good = saved("z.nii").read_bytes()
    bomb = gzip.compress(good + bytes(2**26))
    (batch / "bad.nii.gz").write_bytes(bomb)
    tracemalloc.start()
    [image] = read(batch, {"subjects": "bad"}).objects
    assert np.asarray(image.dataobj).shape == (4, 5, 6)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2**22


def test_the_limit_can_be_set(batch: Path, saved: Saved) -> None:
    saved("bad.nii", np.zeros((20, 20, 20), np.int16))
    reading = read(batch, limit=4 * 20**3 - 1)
    assert "bad.nii: 8,000 voxels, more than fit in the 0 MiB allowed" in reading.refused[0].reason
    assert read(batch, limit=4 * 20**3).refused == []


def test_an_mgz_that_declares_too_much_is_refused(batch: Path, saved: Saved) -> None:
    path = saved("bad.mgz", kind=MGHImage)
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[4:16] = struct.pack(">3i", 30000, 30000, 30000)
    path.write_bytes(gzip.compress(bytes(content)))
    assert "27,000,000,000,000 voxels" in refusal(batch)


def test_a_file_without_a_place_is_read_with_a_note(batch: Path, saved: Saved) -> None:
    changed(saved("bad.nii"), sform_code=0, qform_code=0)
    [image] = read(batch, {"subjects": "bad"}).objects
    assert image.extra[NOTES] == (
        "states no orientation (sform and qform codes are 0): left and right are not certain",
    )


@pytest.mark.parametrize(
    ("shape", "offset", "said"),
    [
        ((4, 5, 7), 0.0, r"\(4, 5, 7\) voxels elsewhere than the image's \(4, 5, 6\)"),
        ((4, 5, 6), 4.0, "elsewhere than"),
    ],
)
def test_labels_of_other_voxels(shape: Any, offset: float, said: str, batch: Path, saved: Saved) -> None:
    affine = np.diag([2.0, 2, 2, 1])
    affine[0, 3] = offset
    saved("bad.nii")
    saved("bad_tissue.nii", np.ones(shape, np.uint8), affine)
    reason = refusal(batch)
    assert reason.startswith(f"{batch / 'bad_tissue.nii'}: ")
    assert re.search(said, reason), reason


def test_two_files_of_one_name(batch: Path, saved: Saved) -> None:
    saved("a.nii")
    reading = read(batch)
    assert len(reading.objects) == 2
    [refused] = reading.refused
    assert refused.reason == f"{batch / 'a.nii.gz'}: a second image called a, beside {batch / 'a.nii'}; keep one"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("zz.nii", r"zz\.nii: no such file; did you mean z\.nii\?"),
        ("notes.txt", r"notes\.txt: unknown format; what can be read ends in \.nii\.gz, \.nii, \.mgz"),
        ("empty", r"empty: no \.nii\.gz, \.nii, \.mgz here, nor sub-\*/anat/\*_T1w\.nii\.gz of a BIDS tree below"),
    ],
)
def test_wrong_paths(name: str, said: str, batch: Path) -> None:
    (batch / "notes.txt").write_text("x")
    (batch / "empty").mkdir()
    with pytest.raises(InputError, match=said):
        read(batch / name)


def test_when_nothing_is_left_the_first_reason_is_told(tmp_path: Path) -> None:
    for name in ("a.nii", "b.nii"):
        (tmp_path / name).write_bytes(b"?")
    with pytest.raises(InputError, match=r"none of 2 images can be used; the first: .*a\.nii: not a NIfTI file"):
        read(tmp_path)
    with pytest.raises(InputError, match=r"^[^ ]*a\.nii: not a NIfTI file"):
        read(tmp_path / "a.nii")


def test_labels_have_a_good_header(saved: Saved) -> None:
    changed(saved("bad_tissue.nii"), pixdim={1: 0})
    with pytest.raises(InputError, match=r"bad_tissue\.nii: voxels of 0 × 2 × 2 mm"):
        read_labels(saved("a.nii").with_name("bad_tissue.nii"))
