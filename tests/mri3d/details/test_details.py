"""Details of volumes, given coarser ones: what comes back, what is drawn first, what may be asked for."""

from __future__ import annotations

import json
import math
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from nibabel import Nifti1Image
from torch import Tensor

from geodrift.config import resolve
from geodrift.errors import InputError
from geodrift.model import Model
from geodrift.rng import Streams
from geodrift.state import State
from geodrift.testing.command import command
from geodrift_mri3d import domain
from geodrift_mri3d.augmentation import Augmentation
from geodrift_mri3d.codec import FIELD
from geodrift_mri3d.details import COARSE, DetailCodec
from geodrift_mri3d.files import write
from geodrift_mri3d.grid import Grid
from geodrift_mri3d.intensity import scaled
from geodrift_mri3d.phantom import GRID, phantoms
from geodrift_mri3d.preparation import prepared
from geodrift_mri3d.volume import CONDITIONS, tensor

BELOW = Grid((8, 12, 8), (20.0, 16.0, 20.0))


def means(image: Nifti1Image) -> Tensor:
    """The means of blocks of 2 × 2 × 2 voxels."""
    found: Tensor = torch.nn.functional.avg_pool3d(tensor(image)[None], 2)[0]
    return found


def straight(x: Tensor, y: Tensor) -> float:
    """How far two volumes are from being the same but for brightness and contrast."""
    return float(1 - torch.corrcoef(torch.stack([x.flatten(), y.flatten()]))[0, 1])


def known(state: State) -> Tensor:
    """Coarse volumes without their noise."""
    return state[COARSE][:, :1] - state[COARSE][:, 1:] * state[FIELD][:, :1]


def test_volumes_come_back(model: Model) -> None:
    whole = [prepared(head, GRID) for head in phantoms()]
    state, cond = model.codec.batch(model.codec.compact(whole).arrays, torch.arange(len(whole)))
    assert state[COARSE].shape == (5, 2, 8, 12, 8)
    assert state[FIELD].shape == (5, 8, 8, 12, 8)
    assert cond["age"].tolist() == [25, 40, 55, 70, 80]
    for image, found in zip(whole, model.codec.decode(state), strict=True):
        np.testing.assert_allclose(np.asarray(found.dataobj), scaled(np.asarray(image.dataobj)), atol=1e-3)


def test_the_coarse_volume_is_what_a_coarser_grid_shows(model: Model) -> None:
    codec, heads = model.codec, phantoms()
    state, _ = codec.batch(codec.compact(heads).arrays, torch.arange(len(heads)))
    below = torch.stack([tensor(prepared(head, BELOW)) for head in heads])
    torch.testing.assert_close(state[COARSE][:, 0].clamp(-1, 1), below, atol=2e-3, rtol=0)


def test_a_step_may_see_a_part_of_a_volume(model: Model) -> None:
    """Each part is somewhere in its volume, the coarse one and its details at the same place, not always there."""
    still = replace(model.codec, augmentation=Augmentation(moved=0, mirror=0, bias=0), part=(8, 12, 8))
    arrays, rows = still.compact(phantoms()).arrays, torch.arange(5)
    whole, _ = still.batch(arrays, rows)
    seen, cond = still.augmented(arrays, rows, Streams.of(0, 5))
    assert cond["age"].tolist() == [25, 40, 55, 70, 80]
    both = [torch.cat([known(state), state[FIELD][:, 1:]], 1) for state in (whole, seen)]
    windows = both[0].unfold(2, 4, 1).unfold(3, 6, 1).unfold(4, 4, 1)
    miss = (windows - both[1][:, :, None, None, None]).abs().amax((1, 5, 6, 7)).flatten(1)
    assert miss.amin(1).max() < 1e-5
    assert len(set(miss.argmin(1).tolist())) > 1


def test_what_is_background_is_asked_for_with_the_data(coarse: Path) -> None:
    options = {"kind": "details", "coarse": str(coarse), "shape": GRID.shape, "spacing": GRID.spacing}
    for asked in (options, {}):
        assert domain.fit(phantoms(), asked | {"dark": -0.9}).dark == -0.9
        with pytest.raises(InputError, match="dark"):
            domain.fit(phantoms(), asked | {"dark": 0.5})


def test_a_part_that_does_not_fill_the_volume_is_refused(model: Model) -> None:
    assert isinstance(model.codec, DetailCodec)
    for part in ((32, 24, 16), (8, 7, 8), (0, 12, 8), (12, 12, 8)):
        with pytest.raises(InputError, match=r"data\.part: sides are even and divide"):
            replace(model.codec, part=part).check()


@pytest.mark.parametrize(
    ("part", "network", "word"),
    [
        ((8, 12, 8), 'kind = "unet"\nchannels = [8, 8, 8]\nhead = 8\ngroups = 4', "3 levels cannot halve"),
        ((8, 12, 8), 'kind = "transformer"\nwidth = 24\nlayers = 1\nheads = 2\npatch = 2', r"data\.part: this network"),
    ],
)
def test_parts_that_a_network_cannot_see_are_refused(
    part: tuple[int, int, int], network: str, word: str, model: Model
) -> None:
    config = resolve({**model.config.model_dump(), "network": tomllib.loads(network)}, "test")
    assert isinstance(model.codec, DetailCodec)
    with pytest.raises(InputError, match=word):
        Model.build(config, replace(model.codec, part=part))


def test_guidance_follows_what_samples_are_to_be_like(fine: Path, heads: Path, tmp_path: Path) -> None:
    asked = ("generate", "mri3d", "--checkpoint", fine, "--guidance", 2, "--like", heads, "--like-where", "rows=:1")
    result = command(*asked, "--out", tmp_path)
    assert result.code == 0, result.errors
    assert json.loads((tmp_path / "manifest.json").read_text())["network_calls"] == 6


def test_details_have_about_unit_variance(model: Model) -> None:
    state, _ = model.codec.batch(model.codec.compact(phantoms()).arrays, torch.arange(5))
    assert float(state[FIELD][:, 1:].square().mean().sqrt()) == pytest.approx(1, abs=0.2)


def test_what_no_training_volume_has_is_cut_off(model: Model) -> None:
    """Around a head nothing is darker than the background, which details of noise would be."""
    codec = model.codec
    state, _ = codec.batch(codec.compact(phantoms()).arrays, torch.arange(5))
    rough = state.replace({FIELD: state[FIELD] + 0.1 * Streams.of(0, 5).normal(state[FIELD])})
    assert isinstance(codec, DetailCodec)
    free = replace(codec, limits=(-math.inf, math.inf))
    for clean, cut, whole in zip(codec.decode(state), codec.decode(rough), free.decode(rough), strict=True):
        background = np.asarray(clean.dataobj) < -0.8
        assert background.mean() > 0.5
        assert np.median(np.asarray(cut.dataobj)[background]) < -0.999
        assert np.median(np.asarray(whole.dataobj)[background]) > -0.96, "what the limits are for"


def test_it_is_stored_as_numbers(model: Model) -> None:
    codec = model.codec
    assert isinstance(codec, DetailCodec)
    assert domain.codec(json.loads(json.dumps(codec.dump()))) == replace(codec, observed=None)


def test_the_coarse_volume_asked_for_is_kept(model: Model, tmp_path: Path) -> None:
    asked = prepared(phantoms()[3], BELOW)
    write([asked], tmp_path)
    for found in model.generate(2, seed=0, coarse=str(tmp_path / "00000.nii.gz")):
        assert Grid.of(found) == GRID
        assert straight(means(found), tensor(asked)) < 1e-4


def test_without_one_the_other_model_draws_it(model: Model) -> None:
    first, second = model.generate(2, seed=0, age=40.0, sex="F")
    assert straight(means(first), means(second)) > 1e-4
    again = model.generate(1, seed=0, age=40.0, sex="F")[0]
    np.testing.assert_allclose(np.asarray(again.dataobj), np.asarray(first.dataobj), atol=1e-4)
    assert isinstance(model.codec, DetailCodec)
    before = model.codec.drawing.denoiser.calls
    model.generate(1, seed=0)
    assert model.codec.drawing.denoiser.calls == before + 3


def test_samples_can_be_like_coarse_volumes(model: Model) -> None:
    below = [prepared(head, BELOW) for head in phantoms()[:2]]
    for found, like in zip(model.generate(1, seed=0, like=below), below, strict=True):
        assert straight(means(found), tensor(like)) < 1e-4
        assert found.extra[CONDITIONS] == like.extra[CONDITIONS]


def test_samples_like_whole_volumes_share_only_what_is_known_of_the_subjects(model: Model) -> None:
    codec = model.codec
    assert set(codec.alike(phantoms()).arrays) == {"age", "sex"}


@pytest.mark.parametrize(
    ("data", "grid", "word"),
    [
        ('kind = "details", coarse = "ixi-9mm"', GRID, 'no preset for mri3d "ixi-9mm"'),
        ('kind = "details", coarse = "ixi-4mm"', GRID, "data.coarse: ixi-4mm draws"),
        ('kind = "details"', GRID, 'data details: needs "coarse"'),
        ('kind = "details", coarse = "ixi-4mm", tissue = true', GRID, 'no key in data details "tissue"'),
    ],
)
def test_a_model_that_does_not_fit_is_refused(
    data: str, grid: Grid, word: str, tmp_path: Path, heads: Path, template: str
) -> None:
    preset = tmp_path / "config.toml"
    preset.write_text(template.format(data=data, shape=list(grid.shape), spacing=list(grid.spacing)))
    result = command("train", "mri3d", "--preset", preset, "--data", heads, "--out", tmp_path / "run")
    assert result.code == 2
    assert word in result.message


@pytest.mark.parametrize("key", ["rank = 4", "draws = 1", 'within = "voxels"'])
def test_what_belongs_to_whole_volumes_is_refused(key: str, model: Model) -> None:
    config = resolve({**model.config.model_dump(), "network": tomllib.loads(key)}, "test")
    with pytest.raises(InputError, match=f"network.{key.split()[0]}: belongs to models of whole volumes"):
        Model.build(config, model.codec)


def test_the_network_sees_the_coarse_volume(model: Model) -> None:
    state, cond = model.codec.batch(model.codec.compact(phantoms()).arrays, torch.arange(5))
    t = torch.full((5,), 0.5)
    with torch.no_grad():
        told = model.denoiser.raw(state, t, cond)[FIELD]
        other = model.denoiser.raw(state.replace({COARSE: state[COARSE].roll(1, 0)}), t, cond)[FIELD]
    assert (told - other).abs().max() > 1e-3
