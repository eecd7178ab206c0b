"""Every process on the same codec, network and loop: it trains, samples with its solvers, and decodes."""

from typing import Any

import pytest
import torch
from rdkit import Chem

from geodrift.config import Config
from geodrift.model import Model
from geodrift.objectives import Matching
from geodrift.rng import Streams
from geodrift.spaces import symmetric
from geodrift_graphs import domain
from geodrift_graphs.molecules.vocabulary import smiles

LINES = ["C", "CCO", "c1ccncc1", "CC(=O)[O-]", "C[NH3+]", "C1CC1O", "CC#N", "OCC(F)=C", "N#CC=O", "c1cc[nH]c1"]
PROCESSES: list[tuple[dict[str, Any], list[str]]] = [
    ({"kind": "discrete-flow", "source": "masked", "elbo": True}, ["reveal", "ancestral", "ctmc"]),
    ({"kind": "discrete-flow", "source": "uniform"}, ["ctmc", "ancestral"]),
    ({"kind": "discrete-flow", "source": "marginal"}, ["ctmc", "ancestral"]),
    ({"kind": "bayesian-flow"}, ["ancestral", "heun"]),
    ({"kind": "rectified-flow"}, ["euler", "heun", "rk4", "ancestral", "euler-maruyama"]),
    ({"kind": "gdss"}, ["s4", "strang", "predictor-corrector", "euler-maruyama", "ancestral", "heun"]),
    ({"kind": "gdss", "nodes": "sub-vp", "edges": {"kind": "ve", "sigma_min": 0.1, "sigma_max": 1.0}}, ["s4"]),
    ({"kind": "gdss", "nodes": "ve", "edges": "ve", "predict": "classes"}, ["s4", "predictor-corrector"]),
]
NETWORKS = [
    {"kind": "graph-transformer", "hidden": 16, "edge_hidden": 8, "layers": 2, "heads": 2},
    {"kind": "gdss", "hidden": 8, "layers": 2, "heads": 2},
]


def molecules() -> list[Chem.Mol]:
    return [Chem.MolFromSmiles(line) for line in LINES]


def untrained(process: dict[str, Any], network: dict[str, Any]) -> Model:
    torch.manual_seed(0)
    return Model.build(Config(domain="graphs", process=process, network=network), domain.fit(molecules(), {}))


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: str(network["kind"]))
@pytest.mark.parametrize("process", [process for process, _ in PROCESSES], ids=str)
def test_every_parameter_learns_from_the_loss(process: dict[str, Any], network: dict[str, Any]) -> None:
    model = untrained(process, network)
    data = model.codec.compact(molecules())
    state, cond = model.codec.batch(data.arrays, torch.arange(len(LINES)))
    loss = Matching()(model.denoiser, state, cond, Streams.of(0, len(LINES)))
    loss.total.backward()
    assert torch.isfinite(loss.total)
    assert set(loss.parts) == {"nodes", "edges"}
    gradients = [weights.grad for weights in model.denoiser.parameters()]
    known = [gradient for gradient in gradients if gradient is not None]
    assert len(known) == len(gradients)
    assert all(torch.isfinite(gradient).all() for gradient in known)


@pytest.mark.parametrize(("process", "solver"), [(p, s) for p, many in PROCESSES for s in many], ids=str)
def test_every_solver_ends_in_classes_that_decode(process: dict[str, Any], solver: str) -> None:
    model = untrained(process, NETWORKS[0])
    settings = model.config.sample.model_copy(update={"solver": solver, "steps": 6, "batch_size": 5})
    found = [thing for chunk in model.stream(range(7), seed=3, settings=settings) for thing in chunk.objects]
    again = [
        thing
        for chunk in model.stream(range(7), seed=3, settings=settings.model_copy(update={"batch_size": 2}))
        for thing in chunk.objects
    ]
    assert [Chem.MolToSmiles(m) for m in found] == [Chem.MolToSmiles(m) for m in again]
    assert all(isinstance(m, Chem.Mol) and 1 <= m.GetNumAtoms() <= 6 for m in found)


def test_a_number_of_atoms_is_kept_exactly() -> None:
    model = untrained({"kind": "discrete-flow"}, NETWORKS[0])
    settings = model.config.sample.model_copy(update={"solver": "reveal", "steps": 4})
    found = [t for chunk in model.stream(range(8), settings=settings, conditions={"atoms": 4}) for t in chunk.objects]
    assert {m.GetNumAtoms() for m in found} == {4}


def test_the_codec_is_lossless_here() -> None:
    codec = domain.fit(molecules(), {})
    state, _ = codec.batch(codec.compact(molecules()).arrays, torch.arange(len(LINES)))
    assert [smiles(m) for m in codec.decode(state)] == [smiles(m) for m in molecules()]


def test_a_low_temperature_draws_the_likeliest_classes() -> None:
    model = untrained({"kind": "discrete-flow"}, NETWORKS[0])
    settings = model.config.sample.model_copy(update={"solver": "reveal", "steps": 1, "temperature": 1e-4})
    drawn = model.draw(range(16), 0, settings, {"atoms": 4})
    blank = model.codec.blank(Streams.of(0, 16), {"atoms": torch.full((16,), 4.0)})
    masked = model.denoiser.process.prior(blank, Streams.of(0, 16))
    belief = model.denoiser(masked, torch.ones(()), {})
    for name in ("nodes", "edges"):
        assert torch.equal(drawn[name], belief[name].probs.argmax(-1))


CLEAN: dict[str, dict[str, Any]] = {"gdss": {"edge_scale": 2.0}, "bayesian-flow": {"edge_accuracy": 100.0}}


@pytest.mark.parametrize("process", [process for process, _ in PROCESSES], ids=str)
def test_the_network_reads_the_valences_of_clean_molecules(process: dict[str, Any]) -> None:
    """Whatever a process makes of edges, the features see bond orders: one test of scales, shifts and masks."""
    model = untrained({**process, **CLEAN.get(process["kind"], {})}, {**NETWORKS[0], "features": ["valence"]})
    state, _ = model.codec.batch(model.codec.compact(molecules()).arrays, torch.arange(len(LINES)))
    moving, t = model.denoiser.process, torch.full((len(LINES),), 1e-6)
    seen = moving.inputs(moving.corrupt(state, t, Streams.of(0, len(LINES))).z, t)
    found = model.denoiser.network.features(seen["edges"], state.layouts["nodes"].present.sum(1)).nodes[..., 0]
    orders = symmetric.unpack(torch.tensor(model.codec.orders)[state["edges"]], found.shape[1]).sum(-1)
    torch.testing.assert_close(4 * found, orders, atol=0.5 if "ve" in str(process.get("edges")) else 0.05, rtol=0)
