"""The presets that ship: their weights fit their configs, and what they generate are brains."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from geodrift.checkpoint import Checkpoint
from geodrift.config import resolve
from geodrift.errors import InputError
from geodrift.presets import load, settings
from geodrift.testing.command import command
from geodrift_mri3d import domain
from geodrift_mri3d.grid import Grid
from geodrift_mri3d.metrics.measured import Measured
from geodrift_mri3d.segmenter import shipped
from geodrift_mri3d.volume import CONDITIONS

LARGEST = 16 * 2**20
SHAPES = {"ixi-4mm": Grid((40, 48, 40), (4.0, 4.0, 4.0)), "ixi-2mm": Grid((80, 96, 80), (2.0, 2.0, 2.0))}


@pytest.mark.parametrize("name", domain.presets())
def test_the_weights_were_trained_as_the_config_says(name: str) -> None:
    folder = domain.presets()[name]
    written = Checkpoint.open(folder).manifest.config
    assert settings(f"mri3d/{name}").model_dump() == resolve(written, name).model_dump()
    assert (folder / "model.safetensors").stat().st_size <= LARGEST


@pytest.mark.parametrize("name", SHAPES)
def test_what_is_generated_is_a_brain(name: str) -> None:
    found = load(f"mri3d/{name}").generate(2, seed=0, steps=8, age=40.0, sex="F")
    measured = Measured.of(found, SHAPES[name])
    assert (measured.summary.millilitres.sum(1) > 1000).all()
    assert (measured.summary.millilitres.sum(1) < 2000).all()
    for image, labels in zip(found, measured.labels.numpy(), strict=True):
        assert Grid.of(image) == SHAPES[name]
        data = np.asarray(image.dataobj)
        assert (data == -1).mean() > 0.5  # no scalp, no grain around the head
        assert not ((data > -1) & (data < -0.95)).any()
        pieces, _ = ndimage.label(labels > 1)
        largest = np.bincount(pieces.ravel())[1:].max()
        assert largest > 0.95 * (labels > 1).sum()  # one organ
        assert abs(ndimage.center_of_mass(labels > 1)[0] / labels.shape[0] - 0.5) < 0.05


def test_age_widens_the_ventricles() -> None:
    model = load("mri3d/ixi-4mm")
    young, old = (model.generate(4, seed=0, steps=8, age=age) for age in (22.0, 80.0))
    shares = [Measured.of(part, SHAPES["ixi-4mm"]).csf_fraction.mean() for part in (young, old)]
    assert shares[1] > shares[0] + 0.01


def test_the_segmenter_says_how_good_it_is() -> None:
    for dice in shipped().dice.values():
        assert min(dice.values()) > 0.7
    assert "CC BY-SA 3.0" in shipped().card["licence of the weights"]


def test_what_the_preset_cannot_make_is_refused() -> None:
    model = load("mri3d/ixi-4mm")
    for wish, word in (({"age": 200.0}, "to 8"), ({"sex": "X"}, "available: F, M"), ({"weight": 3.0}, "no condition")):
        with pytest.raises(InputError, match=word):
            model.generate(1, **wish)  # type: ignore[arg-type]


def test_from_the_command_line_to_figures(tmp_path: Path) -> None:
    out = tmp_path / "brains"
    result = command("generate", "mri3d", "-n", "2", "--steps", "2", "--condition", "age=70", "--out", out)
    assert result.code == 0, result.errors
    assert {"00000.nii.gz", "00001.nii.gz", "samples.tsv", "mosaic.png", "report.html", "manifest.json"} <= {
        path.name for path in out.iterdir()
    }
    assert [image.extra[CONDITIONS] for image in domain.samples(out)] == [{"age": 70.0}] * 2
    assert command("evaluate", "mri3d", out, "--option", "pairs=2").code == 0
