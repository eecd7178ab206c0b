"""The presets that ship their weights: they are whole, small, and make what they promise."""

from pathlib import Path

import networkx as nx
import pytest
import torch

from geodrift.checkpoint import Checkpoint
from geodrift.config import resolve
from geodrift.model import Model
from geodrift.presets import has_weights, load, settings
from geodrift.testing.states import assert_same, pick, ragged
from geodrift_graphs import domain

MOST = 8 * 2**20
SHIPPED = {name: folder for name, folder in domain.presets().items() if has_weights(folder)}


@pytest.fixture(scope="module", params=sorted(SHIPPED))
def model(request: pytest.FixtureRequest) -> Model:
    return load(f"graphs/{request.param}")


def test_the_presets_that_are_promised_ship() -> None:
    assert SHIPPED.keys() >= {"community-small", "qm9", "qm9-gdss"}


@pytest.mark.parametrize("folder", SHIPPED.values(), ids=SHIPPED)
def test_weights_are_whole_and_small(folder: Path) -> None:
    tensors = Checkpoint.open(folder).tensors("model")
    assert all(torch.isfinite(tensor).all() for tensor in tensors.values())
    assert all(path.stat().st_size <= MOST for path in folder.iterdir())


@pytest.mark.parametrize("name", SHIPPED)
def test_the_weights_were_trained_as_the_config_says(name: str) -> None:
    written = Checkpoint.open(SHIPPED[name]).manifest.config
    config, stored = settings(f"graphs/{name}").model_dump(), resolve(written, name).model_dump()
    stored["data"].pop("where", None)  # which rows of the file is the command's
    for section in ("data", "process", "network", "objective", "sample"):
        assert config[section] == stored[section]


def test_a_sample_does_not_depend_on_the_batch_size(model: Model) -> None:
    chosen = model.config.sample.model_copy(update={"steps": min(model.config.sample.steps, 45)})
    together = model.draw(range(16), 5, chosen, {})
    for part in torch.arange(16).split(1) + torch.arange(16).split(7):
        alone = model.draw(range(int(part[0]), int(part[-1]) + 1), 5, chosen, {})
        assert_same(ragged(alone), ragged(pick(together, part)))


def test_samples_are_what_the_preset_promises(model: Model) -> None:
    samples = model.generate(64, seed=1)
    figures = domain.glance(samples)
    if isinstance(samples[0], nx.Graph):
        assert figures["connected"] >= 0.85
    else:
        assert figures["valid"] >= 0.93
        assert figures["valid_connected"] >= 0.88
        assert figures["unique"] >= 0.95
