"""Files of brains: every format, which images are wanted, and what is known of subjects."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
from nibabel import MGHImage, Nifti1Image, Nifti2Image

from geodrift.errors import InputError
from geodrift_mri3d.files import NOTES, read, read_labels
from geodrift_mri3d.grid import Grid
from geodrift_mri3d.preparation import prepared, prepared_labels
from geodrift_mri3d.subjects import held_out
from geodrift_mri3d.volume import CONDITIONS, LABELS, NAME, SOURCE

from .conftest import Saved

Tabled = Callable[..., Path]
TISSUES = (np.arange(120) % 4).reshape(4, 5, 6).astype(np.uint8)


def names(folder: Path, **where: str) -> list[str]:
    return [image.extra[NAME] for image in read(folder, where).objects]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.nii", Nifti1Image), ("a.nii.gz", Nifti1Image), ("a.nii.gz", Nifti2Image), ("a.mgz", MGHImage)],
)
def test_every_format_gives_the_same_image_whose_voxels_wait(name: str, kind: type, saved: Saved) -> None:
    affine = np.array([[0, -1.5, 0, 9], [2.0, 0, 0, -7], [0, 0, 1, 5], [0, 0, 0, 1]])
    path = saved(name, affine=affine, kind=kind)
    image = read(path).objects[0]
    assert isinstance(image, Nifti1Image)
    assert nibabel.is_proxy(image.dataobj)
    assert image.extra == {NAME: "a", SOURCE: str(path)}
    np.testing.assert_array_equal(image.affine, affine)
    np.testing.assert_array_equal(np.asarray(image.dataobj), np.arange(120).reshape(4, 5, 6))
    assert not image.in_memory


def test_scales_bytes_from_the_other_end_and_a_last_axis_of_one_are_understood(saved: Saved, tmp_path: Path) -> None:
    image = Nifti1Image(np.arange(120, dtype=np.float32).reshape(4, 5, 6, 1) / 7, np.diag([2.0, 2, 2, 1]))
    swapped = Nifti1Image(image.dataobj, image.affine, image.header.as_byteswapped())
    swapped.set_data_dtype(np.int16)
    swapped.to_filename(tmp_path / "a.nii")
    found = read(tmp_path / "a.nii").objects[0]
    assert found.shape == (4, 5, 6)
    np.testing.assert_allclose(np.asarray(found.dataobj), np.asarray(image.dataobj)[..., 0], atol=1e-3)


def test_a_folder_stands_for_its_images_of_this_contrast(saved: Saved) -> None:
    for name in ("c_T1w.nii.gz", "b_T1w.nii", "a_T2w.nii.gz", "._b_T1w.nii"):
        saved(name)
    saved("a_T1w.mgz", kind=MGHImage)
    folder = saved("b_tissue.nii.gz", TISSUES).parent
    (folder / "notes_T1w.txt").write_text("b is blurred")
    reading = read(folder)
    assert [image.extra[NAME] for image in reading.objects] == ["a", "b", "c"]
    assert [LABELS in image.extra for image in reading.objects] == [False, True, False]
    assert reading.refused == []


def test_a_folder_without_that_mark_stands_for_all_that_are_no_labels(saved: Saved, tmp_path: Path) -> None:
    for name in ("b.nii", "a.nii.gz", "a_tissue.nii", "b_dseg.nii.gz", "b_mask.nii.gz"):
        saved(name, TISSUES)
    assert names(tmp_path) == ["a", "b"]


def test_a_bids_tree(saved: Saved, table: Tabled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for where in ("sub-01/ses-1", "sub-01/ses-2", "sub-02"):
        stem = "_".join(Path(where).parts)
        saved(f"{where}/anat/{stem}_T1w.nii.gz")
        saved(f"{where}/anat/{stem}_FLAIR.nii.gz")
    saved("derivatives/tool/sub-02/anat/sub-02_dseg.nii.gz", TISSUES)
    saved("sub-01/ses-1/anat/sub-01_ses-1_tissue.nii.gz", TISSUES)
    table("participants_id age\nx 1", "dataset_description.json")
    table("participant_id age sex\nsub-01 30 F\n02 n/a M")
    found = {image.extra[NAME]: image for image in read(tmp_path).objects}
    assert {name: image.extra[CONDITIONS] for name, image in found.items()} == {
        "sub-01_ses-1": {"age": 30.0, "sex": "F"},
        "sub-01_ses-2": {"age": 30.0, "sex": "F"},
        "sub-02": {"sex": "M"},
    }
    ours = {name: np.asarray(i.extra[LABELS].dataobj) for name, i in found.items() if LABELS in i.extra}
    np.testing.assert_array_equal(ours["sub-01_ses-1"], TISSUES)
    np.testing.assert_array_equal(ours["sub-02"], np.array([0, 2, 3, 1])[TISSUES])  # GM, WM, CSF of BIDS
    assert set(ours) == {"sub-01_ses-1", "sub-02"}
    assert names(tmp_path, subjects="sub-01") == ["sub-01_ses-1", "sub-01_ses-2"]
    assert names(tmp_path / "sub-01") == ["sub-01_ses-1", "sub-01_ses-2"]
    one = read(tmp_path / "sub-02" / "anat" / "sub-02_T1w.nii.gz").objects[0]
    assert one.extra[CONDITIONS] == {"sex": "M"}
    assert LABELS in one.extra
    monkeypatch.chdir(tmp_path / "sub-02")
    assert LABELS in read(Path("anat/sub-02_T1w.nii.gz")).objects[0].extra


def test_labels_of_bids_that_are_no_tissue_are_refused_when_read(saved: Saved) -> None:
    path = saved("a_dseg.nii", TISSUES + np.uint8(8))  # 10 is the brainstem
    with pytest.raises(InputError, match=r"a_dseg\.nii: label 10 is no tissue of BIDS; write 0 to 3"):
        prepared_labels(read_labels(path), Grid((4, 5, 6), (2.0, 2.0, 2.0)))


def test_labels_may_be_stored_in_other_axes(saved: Saved) -> None:
    flipped = np.diag([-2.0, 2, 2, 1])
    flipped[0, 3] = 6
    saved("a_tissue.nii", TISSUES[::-1], flipped)
    ready = prepared(read(saved("a_T1w.nii")).objects[0], Grid((4, 5, 6), (2.0, 2.0, 2.0)))
    np.testing.assert_array_equal(np.asarray(ready.extra[LABELS].dataobj), TISSUES)


def test_columns_become_numbers_and_texts(saved: Saved, table: Tabled, tmp_path: Path) -> None:
    for name in "abcd":
        saved(f"{name}_T1w.nii")
    table("participant_id age sex site score\na 30.5 F 1 1e3\nb n/a M 2 N/A\nc 41 n/a 2 -2")
    told = [(image.extra.get(CONDITIONS), image.extra.get(NOTES)) for image in read(tmp_path).objects]
    assert told == [
        ({"age": 30.5, "sex": "F", "site": 1.0, "score": 1000.0}, None),
        ({"sex": "M", "site": 2.0}, None),
        ({"age": 41.0, "site": 2.0, "score": -2.0}, None),
        (None, (f"{tmp_path / 'participants.tsv'} has no row for d",)),
    ]


def test_which_images_are_wanted(saved: Saved, table: Tabled, tmp_path: Path) -> None:
    known = [f"s{number:02}" for number in range(30)]
    for name in known:
        saved(f"{name}_T1w.nii")
    table(
        "participant_id age sex\n" + "\n".join(f"{name} {20 + i // 2}.0 {'FM'[i % 2]}" for i, name in enumerate(known))
    )
    out = [name for name in known if held_out(name)]
    assert 0 < len(out) < 30
    assert names(tmp_path) == known
    assert names(tmp_path, subjects="held-out") == out
    assert names(tmp_path, subjects="training") == [name for name in known if name not in out]
    assert names(tmp_path, subjects="s1*") == known[10:20]
    assert names(tmp_path, rows="3:5") == known[3:5]
    assert names(tmp_path, sex="F") == known[::2]
    assert names(tmp_path, age="21") == known[2:4]
    assert names(tmp_path, rows=":2", sex="M", subjects="s1?") == known[11:15:2]


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ({"sexx": "F"}, r'where\.sexx: no column "sexx" \(did you mean "sex"\?\); available: age, rows, sex, subjects'),
        ({"sex": "X"}, r"where\.sex=X matches no subject; values there: F, M"),
        ({"rows": "3"}, r'where\.rows: "3" is not a range; write "40:", ":40" or "40:80"'),
        ({"rows": "9:"}, r"where\.rows=9: leaves none of 2 images"),
        ({"subjects": "q*"}, r"where\.subjects=q\* matches none of a, b"),
    ],
)
def test_wishes_that_cannot_be_met(where: dict[str, str], said: str, saved: Saved, table: Tabled) -> None:
    saved("a_T1w.nii")
    saved("b_T1w.nii")
    folder = table("participant_id age sex\na 30 F\nb 31 M").parent
    with pytest.raises(InputError, match=said) as error:
        read(folder, where)
    assert "\n" not in str(error.value)
    with pytest.raises(InputError, match="where: a table of keys and values, not 'held-out'"):
        read(folder, "held-out")  # type: ignore[arg-type]


def test_the_subjects_of_ixi(shared_data: Path) -> None:
    folder = shared_data / "mri3d" / "ixi"
    training, held = (read(folder, {"subjects": kind}) for kind in ("training", "held-out"))
    assert (len(training.objects), len(held.objects)) == (136, 24)
    assert training.refused == held.refused == []
    for image in held.objects:
        assert image.extra[CONDITIONS].keys() == {"age", "sex"}
        assert image.extra[LABELS].shape == image.shape == (80, 96, 80)
