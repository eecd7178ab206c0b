"""A training that begins with a trained model."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from geodrift.presets import located
from geodrift.testing.command import Result, command


@pytest.fixture
def train(config: Path, molecules: Path) -> Callable[..., Result]:
    def run(folder: Path, *arguments: object) -> Result:
        return command("train", "graphs", "--preset", config, "--data", molecules, "--out", folder, *arguments)

    return run


def test_a_training_may_begin_with_a_trained_model(tmp_path: Path, trained: Path, train: Callable[..., Result]) -> None:
    known = json.loads((trained / "checkpoints/step-00000012/manifest.json").read_text())
    result = train(tmp_path, "--start", trained, "--set", "train.steps=4", "--set", "train.lr=1e-30", "--resume")
    assert result.code == 0, result.errors
    manifest = json.loads((tmp_path / "checkpoints/step-00000004/manifest.json").read_text())
    assert manifest["start"] == known["files"]["ema.safetensors"]
    assert manifest["codec"] == known["codec"]
    begun, ended = (located(folder).tensors("ema") for folder in (trained, tmp_path))
    for name, tensor in begun.items():
        assert torch.equal(tensor, ended[name])
    assert train(tmp_path, "--resume", "--set", "train.steps=6", "--set", "train.lr=1e-30").code == 0
    assert located(tmp_path).manifest.start == manifest["start"]


@pytest.mark.parametrize(
    ("change", "word"), [("network.layers=3", "another [network]"), ('process.kind="masked"', "another [process]")]
)
def test_a_training_begins_with_no_other_model(
    change: str, word: str, tmp_path: Path, trained: Path, train: Callable[..., Result]
) -> None:
    result = train(tmp_path / "new", "--start", trained, "--set", change)
    assert (result.code, word in result.message) == (2, True)
    assert not (tmp_path / "new" / "checkpoints").exists()
