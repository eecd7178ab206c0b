"""Conditions that steer: a small model learns two kinds of molecules and is asked for one of them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from rdkit import Chem
from rdkit.Chem import Crippen
from torch import Tensor

from geodrift.config import Config, Train
from geodrift.guidance.cfg import ClassifierFree
from geodrift.model import Model
from geodrift.objectives import Matching
from geodrift.rng import Streams
from geodrift.train.data import Feed
from geodrift.train.loop import optimizer, rate
from geodrift_graphs import domain
from geodrift_graphs.molecules.vocabulary import sanitised

ALKANES = ["CCCC", "CC(C)C", "C1CCC1", "CC1CC1"]
POLAR = ["OCCO", "NCCO", "CC(N)=O", "OCC=O"]


def oxygens(molecules: list[Chem.Mol]) -> float:
    """Share of molecules with a heteroatom."""
    return sum(any(a.GetSymbol() != "C" for a in m.GetAtoms()) for m in molecules) / len(molecules)


def logp(molecules: list[Chem.Mol]) -> float:
    """Mean logP of the valid ones."""
    return float(np.mean([Crippen.MolLogP(m) for m in map(sanitised, molecules) if m is not None]))


@pytest.fixture(scope="module")
def model() -> Model:
    torch.manual_seed(0)
    molecules = [Chem.MolFromSmiles(line) for line in ALKANES + POLAR]
    config = Config(
        domain="graphs",
        process={"kind": "discrete-flow", "source": "masked", "elbo": True},
        network={"hidden": 32, "edge_hidden": 16, "layers": 2, "heads": 4},
        train=Train(steps=250, batch_size=32, lr=3e-3, warmup=10),
    )
    codec = domain.fit(molecules, {"conditions": ["logp"]})
    built = Model.build(config, codec)
    feed = Feed(codec, codec.compact(molecules).arrays, len(molecules), 0, config.train.batch_size)
    tuner, objective = optimizer(built.denoiser, config.train), Matching(condition_dropout=0.3)
    for step in range(config.train.steps):
        x, cond, rng = feed.batch(step)
        for group in tuner.param_groups:
            group["lr"] = rate(step, config.train)
        objective(built.denoiser, x, cond, rng).total.backward()
        tuner.step()
        tuner.zero_grad()
    return built


def generated(model: Model, guidance: float, conditions: Mapping[str, float]) -> list[Chem.Mol]:
    settings = model.config.sample.model_copy(update={"solver": "reveal", "steps": 12, "guidance": guidance})
    return [t for chunk in model.stream(range(64), settings=settings, conditions=conditions) for t in chunk.objects]


def test_a_property_steers_and_guidance_steers_further(model: Model) -> None:
    low, high = -1.0, 1.8  # about the logP of the polar ones and of the alkanes
    free = oxygens(generated(model, 1.0, {}))
    assert 0.25 < free < 0.75
    assert oxygens(generated(model, 1.0, {"logp": low})) > 0.8 > 0.2 > oxygens(generated(model, 1.0, {"logp": high}))
    assert logp(generated(model, 3.0, {"logp": low})) < logp(generated(model, 1.0, {"logp": low}))
    assert logp(generated(model, 3.0, {"logp": high})) > logp(generated(model, 1.0, {"logp": high}))


def test_both_branches_are_evaluated_and_differ(model: Model) -> None:
    asked: list[bool] = []

    class Spy:
        process = model.denoiser.process

        def __call__(self, z: Any, t: Any, cond: Mapping[str, Tensor] | None = None) -> Any:
            asked.append(bool(cond))
            return model.denoiser(z, t, cond)

    z = model.denoiser.process.prior(model.codec.blank(Streams.of(0, 4), {}), Streams.of(1, 4))
    cond, t = {"logp": torch.full((4,), 1.8)}, torch.tensor(0.9)
    plain, guided, twice = (ClassifierFree(Spy(), w)(z, t, cond)["nodes"].probs for w in (1.0, 0.0, 2.0))
    assert asked == [True, True, False, True, False]
    free = model.denoiser(z, t, {})["nodes"].probs
    torch.testing.assert_close(guided, free)
    assert (plain - free).abs().max() > 0.05
    assert (twice - plain).abs().max() > 0.002
