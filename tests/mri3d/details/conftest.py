"""A small model of details, upon a small model of coarse volumes."""

from __future__ import annotations

from pathlib import Path

import pytest

from geodrift.model import Model
from geodrift.presets import load
from geodrift.testing.command import command
from geodrift_mri3d.files import write
from geodrift_mri3d.grid import Grid
from geodrift_mri3d.phantom import GRID, phantoms

BELOW = Grid((8, 12, 8), (20.0, 16.0, 20.0))
CONFIG = """
domain = "mri3d"
data = {{ {data}, shape = {shape}, spacing = {spacing}, conditions = ["age", "sex"] }}
network = {{ kind = "unet", channels = [8], attention = [false], head = 8, groups = 4 }}
objective = {{ kind = "relative" }}
train = {{ steps = 2, batch_size = 2, save_every = 2, samples = 1 }}
sample = {{ solver = "euler", steps = 3, batch_size = 2 }}
"""


@pytest.fixture(scope="session")
def heads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("heads")
    write(phantoms(), folder)
    return folder


@pytest.fixture(scope="session")
def coarse(tmp_path_factory: pytest.TempPathFactory, heads: Path) -> Path:
    """A model of volumes of twice as large voxels."""
    return trained(tmp_path_factory.mktemp("coarse"), heads, 'representation = { kind = "haar", levels = 1 }', BELOW)


@pytest.fixture(scope="session")
def fine(tmp_path_factory: pytest.TempPathFactory, heads: Path, coarse: Path) -> Path:
    """A model of details upon the other."""
    return trained(tmp_path_factory.mktemp("fine"), heads, f'kind = "details", coarse = "{coarse}"', GRID)


@pytest.fixture(scope="session")
def model(fine: Path) -> Model:
    return load(fine)


def trained(folder: Path, heads: Path, data: str, grid: Grid) -> Path:
    preset = folder / "config.toml"
    preset.write_text(CONFIG.format(data=data, shape=list(grid.shape), spacing=list(grid.spacing)))
    result = command("train", "mri3d", "--preset", preset, "--data", heads, "--out", folder / "run")
    assert result.code == 0, result.errors
    return folder / "run"


@pytest.fixture
def template() -> str:
    """The config of both, for data and a grid to be filled in."""
    return CONFIG
