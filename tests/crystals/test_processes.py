"""Every process of crystals keeps the laws on the real network, generating all fields and for given compositions."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from geodrift.config import Config
from geodrift.errors import InputError
from geodrift.model import Model
from geodrift.objectives import Matching
from geodrift.presets import load
from geodrift.processes import Given, Jump, Process
from geodrift.ranks import fabric
from geodrift.rng import Streams
from geodrift.sources import Normal
from geodrift.spaces import Relative, Torus
from geodrift.testing.domain import LAWS, Subject
from geodrift.train.launch import launch, prepare
from geodrift_crystals import domain
from geodrift_crystals.processes import processes
from geodrift_crystals.processes.bases import UniformAngles

FILES = ("write_read", "encode_decode", "codec_stored", "figures")  # laws of the domain, whatever the process
KINDS = ("bayesian-flow", "crysbfn", "riemannian-flow", "stochastic-interpolant", "wrapped-diffusion")
PC = {"kind": "predictor-corrector", "predictor": "ancestral", "snr": 0.1}
SOLVERS: list[tuple[str, dict[str, Any]]] = [
    ("riemannian-flow", {"solver": "heun", "annealing": {"frac": {"slope": 3.0}}}),
    ("stochastic-interpolant", {"solver": {"kind": "euler-maruyama", "scale": 0.02}}),
    ("stochastic-interpolant", {"solver": "euler", "annealing": {"frac": {"slope": 3.0}, "lattice": {"slope": 1.0}}}),
    ("wrapped-diffusion", {"solver": PC}),
]


@cache
def subject(kind: str, given: str, lattice: str = "polar") -> Subject:
    process = {"kind": kind, **({"steps": 20} if kind == "crysbfn" else {})}
    return Subject.of(domain, Config(domain="crystals", process=process, data={"given": given, "lattice": lattice}))


def built(kind: str, **options: Any) -> dict[str, Process]:
    lattice = options.pop("lattice_as", "polar")
    codec = domain.fit(domain.examples(), {"lattice": lattice})
    return dict(domain.process({"kind": kind, **options}, codec).parts)


def test_all_are_tested() -> None:
    assert tuple(processes.kinds) == KINDS


@pytest.mark.parametrize("given", ["nothing", "composition"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("law", [law for law in LAWS if law.__name__ not in FILES])
def test_laws(law: Callable[[Subject], None], kind: str, given: str) -> None:
    law(subject(kind, given))


@pytest.mark.parametrize(("kind", "settings"), SOLVERS, ids=repr)
def test_samplers(kind: str, settings: dict[str, Any]) -> None:
    """What belongs to a process generates crystals, each by itself."""
    model = subject(kind, "nothing").model
    chosen = model.config.sample.model_copy(update={**settings, "steps": 4})
    together, alone = model.draw(range(3), 0, chosen, {}), model.draw(range(1), 0, chosen, {})
    first = len(alone["species"])
    torch.testing.assert_close(together["frac"][:first], alone["frac"], rtol=1e-3, atol=1e-4)
    assert bool(((together["frac"] >= 0) & (together["frac"] < 1)).all())
    assert len(model.codec.decode(together)) == 3


def test_annealing_moves_positions_alone() -> None:
    model = subject("riemannian-flow", "nothing").model
    settings = model.config.sample.model_copy(update={"solver": "euler", "steps": 2})
    like = model.codec.blank(Streams.of(0, 3), {})
    z, t = model.denoiser.process.prior(like, Streams.of(0, 3)), torch.tensor(0.5)
    fast = settings.model_copy(update={"annealing": {"frac": {"slope": 4.0}}})
    with torch.no_grad():
        slow, quick = (model.guided(chosen, like, Streams.of(0, 3), {})(z, t) for chosen in (settings, fast))
    torch.testing.assert_close(quick["frac"].v, 3 * slow["frac"].v)
    torch.testing.assert_close(quick["lattice"].x, slow["lattice"].x)


@pytest.mark.parametrize("kind", KINDS[2:])
def test_species_jump_from_a_mask_or_from_any_element(kind: str) -> None:
    elements = 9
    for species, states in (("masked", elements + 1), ("uniform", elements)):
        part = built(kind, species=species)["species"]
        assert isinstance(part, Jump)
        assert part.states == states
    with pytest.raises(InputError, match=r'no species "maskd" .did you mean "masked"'):
        built(kind, species="maskd")
    assert isinstance(subject(kind, "composition").model.denoiser.process.leaves["species"], Given)


@pytest.mark.parametrize("kind", ["riemannian-flow", "stochastic-interpolant"])
def test_velocities_may_keep_their_mean(kind: str) -> None:
    assert isinstance(built(kind)["frac"].space, Relative)
    assert type(built(kind, centred=False)["frac"].space) is Torus


def test_standardised_lattices_start_from_the_law_of_the_training_lattices() -> None:
    """Normal numbers have the mean and the spread of the data's; lengths are then log-normal."""
    codec = domain.fit(domain.examples(), {"lattice": "parameters"})
    x = codec.batch(codec.compact(domain.examples()).arrays, torch.arange(5))[0]["lattice"]
    torch.testing.assert_close(x.mean(0), torch.zeros(6), atol=1e-5, rtol=0)
    torch.testing.assert_close(x[:, :3].std(0, correction=0), torch.ones(3), atol=1e-5, rtol=0)
    assert isinstance(built("riemannian-flow")["lattice"].source, Normal)  # type: ignore[attr-defined]


def test_uniform_angles_are_uniform_and_lengths_are_fitted() -> None:
    codec, n = domain.fit(domain.examples(), {"lattice": "parameters"}), 4000
    source = UniformAngles().source(codec.lattice)
    drawn = source.sample(torch.zeros(n, 6), Streams.of(0, n))
    rows = codec.lattice.decode(drawn.double(), torch.ones(n))
    lengths = rows.norm(dim=2)
    a, b, c = (rows / lengths[..., None]).unbind(1)
    angles = torch.stack([(u * v).sum(1).clamp(-1, 1).acos() for u, v in ((b, c), (a, c), (a, b))], 1) / math.pi * 3
    level = torch.sort(angles, 0)[0] - 1
    expected = (torch.arange(n) + 0.5)[:, None] / n
    assert float((level - expected).abs().max()) < 0.03, "Kolmogorov-Smirnov, 0.026 at one percent"
    mean, std = (torch.tensor(v[:3], dtype=torch.float64) for v in (codec.lattice.mean, codec.lattice.std))
    torch.testing.assert_close(lengths.log().mean(0), mean, atol=0.05 * float(std.max()), rtol=0)
    torch.testing.assert_close(lengths.log().std(0), std, rtol=0.05, atol=0)
    with pytest.raises(InputError, match=r'written as "polar"; set data.lattice="parameters"'):
        built("riemannian-flow", base="uniform-angles")
    assert built("riemannian-flow", base="uniform-angles", lattice_as="parameters")["lattice"].source == source  # type: ignore[attr-defined]


def test_centred_targets_are_easier() -> None:
    """The loss of a network that says nothing about positions falls by the share of the mean, 1/N of N atoms."""
    x = subject("riemannian-flow", "nothing")
    state, _ = x.model.codec.batch(x.arrays, torch.full((400,), 2))
    losses = []
    for centred in (True, False):
        part = built("riemannian-flow", centred=centred)["frac"].on(state.layouts["frac"])
        t = state.layouts["frac"].spread(torch.rand(400, generator=torch.Generator().manual_seed(0)))
        draw = part.corrupt(state["frac"], t, Streams.of(0, 400).on(state.layouts["frac"]))
        losses.append(float(part.loss(torch.zeros_like(draw.z), draw).mean()))
    assert losses[1] == pytest.approx(1 / 12, rel=0.05)
    assert losses[0] / losses[1] == pytest.approx(1 - 1 / 5, rel=0.03)


def trained(kind: str, folder: Path, **process: Any) -> Model:
    """A model after two steps, by the way that the command line goes."""
    domain.write(domain.examples(), folder / "data")
    sample = {"steps": process.get("steps", 4)}
    config = Config(domain="crystals", process={"kind": kind, **process}, network={"hidden": 16, "layers": 1})
    config = config.model_copy(
        update={
            "train": config.train.model_copy(update={"steps": 2, "batch_size": 4}),
            "sample": config.sample.model_copy(update=sample),
        }
    )
    launch(prepare(config, folder / "data", folder / "run"), fabric("cpu"))
    return load(folder / "run")


@pytest.mark.parametrize("kind", ["crysbfn", "stochastic-interpolant"])
def test_models_train_are_stored_and_generate(kind: str, tmp_path: Path) -> None:
    model = trained(kind, tmp_path, **({"steps": 6} if kind == "crysbfn" else {}))
    assert len(model.generate(2, seed=1)) == 2
    if kind == "crysbfn":
        with pytest.raises(InputError, match="sample it in 6 equal steps"):
            model.generate(1, steps=5)


@pytest.mark.parametrize("kind", KINDS)
def test_training_may_look_at_the_source(kind: str) -> None:
    """The latest of the default times is one; no process has an infinite target there."""
    x = subject(kind, "nothing")
    state, cond = x.model.codec.batch(x.arrays, x.everything)
    assert torch.isfinite(Matching()(x.model.denoiser, state, cond, Streams.of(0, x.everything)).total)
