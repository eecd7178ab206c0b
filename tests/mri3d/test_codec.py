"""Volumes as states: what comes back, what is stored, what may be asked for."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from nibabel import Nifti1Image

from geodrift.errors import InputError
from geodrift.likeness import conditions as asked_of
from geodrift.rng import Streams
from geodrift_mri3d import domain
from geodrift_mri3d.augmentation import Augmentation
from geodrift_mri3d.codec import FIELD, VolumeCodec
from geodrift_mri3d.columns import Column
from geodrift_mri3d.phantom import phantoms
from geodrift_mri3d.tissue import CLASSES
from geodrift_mri3d.volume import CONDITIONS, FAILED, LABELS, volume

KINDS = ["voxels", "haar", {"kind": "haar", "levels": 1}]


@pytest.fixture(scope="module")
def heads() -> list[Nifti1Image]:
    return phantoms()


@pytest.fixture(scope="module")
def codec(heads: list[Nifti1Image]) -> VolumeCodec:
    return VolumeCodec.fit(heads, conditions=["age", "sex"], tissue=True)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_volumes_come_back(heads: list[Nifti1Image], kind: str) -> None:
    codec = VolumeCodec.fit(heads, representation=kind)
    state, cond = codec.batch(codec.compact(heads).arrays, torch.arange(len(heads)))
    assert cond == {}
    for head, found in zip(heads, codec.decode(state), strict=True):
        np.testing.assert_allclose(np.asarray(found.dataobj), np.asarray(head.dataobj), atol=1e-3)
        np.testing.assert_allclose(found.affine, head.affine)


def test_what_is_dark_is_background(heads: list[Nifti1Image]) -> None:
    codec = VolumeCodec.fit(heads, dark=-0.5)
    state, _ = codec.batch(codec.compact(heads).arrays, torch.arange(len(heads)))
    plain = VolumeCodec.fit(heads).volumes(state).numpy()
    assert ((plain > -1) & (plain < -0.5)).any(), "else there is nothing to darken"
    found = np.stack([np.asarray(head.dataobj) for head in codec.decode(state)])
    np.testing.assert_array_equal(found, np.where(plain < -0.5, -1, plain))


def test_channels_are_scaled_by_the_root_of_their_deviation(heads: list[Nifti1Image]) -> None:
    codec = VolumeCodec.fit(heads)
    state, _ = codec.batch(codec.compact(heads).arrays, torch.arange(len(heads)))
    raw = codec.written.forward(torch.stack([torch.from_numpy(np.array(head.dataobj)) for head in heads]))
    spread = raw.std((0, 2, 3, 4), correction=0)
    expected = torch.sqrt(spread / spread.square().mean().sqrt())
    torch.testing.assert_close(state[FIELD].std((0, 2, 3, 4), correction=0), expected, rtol=1e-3, atol=1e-3)


def test_it_is_stored_as_numbers(codec: VolumeCodec) -> None:
    values = json.loads(json.dumps(codec.dump()))
    assert "observed" not in values
    loaded = VolumeCodec.load(values)
    assert loaded == codec
    assert loaded.observed is None


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"units": [1.0]}, "a unit for each channel"),
        ({"shape": [15, 24, 16]}, "multiples of 4"),
        ({"colour": 1}, "codec.colour"),
        ({"spacing": [1, 2]}, "codec.spacing"),
        ({"dark": 0.5}, "codec.dark"),
    ],
)
def test_a_damaged_one_is_refused(codec: VolumeCodec, change: dict[str, object], word: str) -> None:
    with pytest.raises(InputError, match=word):
        VolumeCodec.load({**codec.dump(), **change})


def test_a_number_is_asked_in_its_unit_and_range(codec: VolumeCodec) -> None:
    assert float(codec.ask("age", 60)) == 60
    assert float(codec.ask("sex", "M")) == 1
    for name, value, word in (
        ("age", 200, "22.25 to 82.75 years"),
        ("age", "old", "not a number"),
        ("age", math.inf, "not a number"),
        ("sex", "X", 'no value of sex "X"'),
    ):
        with pytest.raises(InputError, match=word):
            codec.ask(name, value)


def test_unknown_conditions_are_refused(codec: VolumeCodec) -> None:
    with pytest.raises(InputError, match=r'no condition "aeg" .did you mean "age"'):
        asked_of(codec, range(2), {"aeg": 3.0})


def test_a_column_nobody_has_is_refused(heads: list[Nifti1Image]) -> None:
    with pytest.raises(InputError, match='no subject has "weight"'):
        VolumeCodec.fit(heads, conditions=["weight"])


@pytest.mark.parametrize(
    ("augmentation", "word"), [({"rotaton": 3.0}, "augmentation"), ({"mirror": 2.0}, "augmentation")]
)
def test_an_augmentation_that_does_not_exist_is_refused(
    heads: list[Nifti1Image], augmentation: dict[str, float], word: str
) -> None:
    with pytest.raises(InputError, match=word):
        domain.fit(heads, {"augmentation": augmentation})
    assert domain.fit(heads, {"augmentation": {"rotation": 7.0}}).augmentation.rotation == 7


def test_a_column_of_numbers_and_texts_is_refused() -> None:
    with pytest.raises(InputError, match="numbers and texts such as 'old'"):
        Column.fit("age", [3.0, "old"])


def test_missing_values_are_not_known(heads: list[Nifti1Image], codec: VolumeCodec) -> None:
    bare = volume(heads[0].dataobj, heads[0].affine, {**heads[0].extra, CONDITIONS: {}})
    arrays = codec.compact([bare, heads[1]]).arrays
    assert arrays["age"].isnan().tolist() == [True, False]
    assert arrays["sex"].tolist()[1] == 1.0


def test_the_map_of_tissues_is_told_in_the_bands_of_the_volume(heads: list[Nifti1Image], codec: VolumeCodec) -> None:
    _, cond = codec.batch(codec.compact(heads).arrays, torch.arange(2))
    channels = codec.written.channels
    assert cond["tissue"].shape == (2, (CLASSES - 1) * channels, *codec.places)
    white = codec.written.inverse(cond["tissue"][:, 2 * channels :] * channels**0.5)
    labels = np.stack([np.asarray(head.extra[LABELS].dataobj) for head in heads[:2]])
    np.testing.assert_allclose(white.numpy(), labels == 3, atol=1e-5)


def test_without_labels_such_a_model_refuses_an_image(heads: list[Nifti1Image], codec: VolumeCodec) -> None:
    extra = {key: value for key, value in heads[0].extra.items() if key != LABELS}
    compact = codec.compact([volume(heads[0].dataobj, heads[0].affine, extra), heads[1]])
    assert compact.kept == [1]
    assert "no tissue labels" in compact.refused[0].reason


def test_samples_can_be_like_subjects(heads: list[Nifti1Image], codec: VolumeCodec) -> None:
    alike = codec.alike(heads)
    assert alike.arrays["age"].tolist() == [head.extra[CONDITIONS]["age"] for head in heads]
    assert set(alike.arrays) == {"age", "sex", "tissue"}


def test_training_sees_each_volume_moved(heads: list[Nifti1Image], codec: VolumeCodec) -> None:
    codec = replace(codec, augmentation=Augmentation(moved=1.0))
    arrays = codec.compact(heads).arrays
    rows = torch.zeros(3, dtype=torch.int64)
    state, cond = codec.augmented(arrays, rows, Streams.of(0, 3))
    assert (state[FIELD][0] - state[FIELD][1]).abs().max() > 0.1
    assert (cond["tissue"][0] - cond["tissue"][1]).abs().max() > 0.01
    again, _ = codec.augmented(arrays, rows[1:2], Streams.of(0, torch.tensor([1])))
    torch.testing.assert_close(again[FIELD], state[FIELD][1:2])


def test_what_is_not_finite_has_failed(codec: VolumeCodec) -> None:
    state = codec.blank(Streams.of(0, 2), {})
    state[FIELD][1, 0, 0, 0, 0] = math.nan
    good, bad = codec.decode(state)
    assert FAILED not in good.extra
    assert bad.extra[FAILED] == "numbers that are not finite"


def test_a_map_is_asked_for_by_its_file(tmp_path: Path, heads: list[Nifti1Image], codec: VolumeCodec) -> None:
    import nibabel

    path = tmp_path / "map.nii.gz"
    nibabel.save(heads[0].extra[LABELS], path)
    _, cond = codec.batch(codec.compact(heads[:1]).arrays, torch.tensor([0]))
    torch.testing.assert_close(codec.ask("tissue", str(path)), cond["tissue"][0])
    with pytest.raises(InputError, match=r"none\.nii"):
        codec.ask("tissue", str(tmp_path / "none.nii"))
