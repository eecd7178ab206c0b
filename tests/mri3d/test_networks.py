"""Networks on volumes: untrained they are the linear denoiser, whatever the process; what is known reaches them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from geodrift.config import resolve
from geodrift.denoiser import Denoiser
from geodrift.errors import InputError
from geodrift.model import Model
from geodrift.objectives import Matching
from geodrift.rng import Streams
from geodrift.train.launch import objective
from geodrift_mri3d.codec import FIELD, VolumeCodec
from geodrift_mri3d.columns import Column
from geodrift_mri3d.networks import networks
from geodrift_mri3d.networks.body import Body
from geodrift_mri3d.networks.rewritten import Rewritten
from geodrift_mri3d.networks.told import Told
from geodrift_mri3d.objective import LAW
from geodrift_mri3d.phantom import phantoms
from geodrift_mri3d.processes import processes
from geodrift_mri3d.representation import Haar

BODIES: dict[str, dict[str, Any]] = {
    "unet": {"kind": "unet", "channels": [16, 16], "head": 8, "groups": 8},
    "unet within voxels": {"kind": "unet", "channels": [8, 16], "head": 8, "groups": 4, "within": "voxels"},
    "transformer": {"kind": "transformer", "width": 24, "layers": 2, "heads": 2, "patch": 2},
}


@pytest.fixture(scope="module")
def codec() -> VolumeCodec:
    return VolumeCodec.fit(phantoms(), conditions=["age", "sex"], tissue=True)


def model(codec: VolumeCodec, body: str = "transformer", process: str = "rectified-flow", **changes: Any) -> Model:
    network = {"rank": 4, "draws": 1, **BODIES[body], **changes}
    torch.manual_seed(0)
    table = {"domain": "mri3d", "network": network, "process": {"kind": process}, "objective": {"kind": "relative"}}
    return Model.build(resolve(table, "test"), codec)


def data(codec: VolumeCodec) -> tuple[Any, dict[str, Tensor]]:
    assert codec.observed is not None
    return codec.batch(codec.observed.arrays, torch.arange(5))


def woken(denoiser: Denoiser) -> Denoiser:
    """With all weights at random, those that begin at zero among them."""
    torch.manual_seed(1)
    with torch.no_grad():
        for weights in denoiser.parameters():
            weights.copy_(0.1 * torch.randn_like(weights))
    return denoiser.eval()


def test_all_bodies_are_here() -> None:
    assert sorted({body["kind"] for body in BODIES.values()}) == networks.kinds


class Noting(Body):
    """Answers its second group of eight channels."""

    seen: Tensor

    def forward(self, inputs: Tensor, t: Tensor, told: Tensor) -> Tensor:
        self.seen = inputs
        return inputs[:, 8:16]


def test_a_body_may_see_another_representation() -> None:
    volumes, flags = torch.randn(2, 5, 8, 16, 8), torch.randn(5, 1)
    groups = [Haar(2).forward(each) for each in volumes]
    body = Noting()
    inputs = torch.cat([*groups, flags.view(5, 1, 1, 1, 1).expand(5, 1, 2, 4, 2)], 1)
    answer = Rewritten(body, Haar(2), Haar(1))(inputs, torch.zeros(5), torch.zeros(5, 1))
    torch.testing.assert_close(answer, groups[1])
    torch.testing.assert_close(body.seen[:, :16], torch.cat([Haar(1).forward(each) for each in volumes], 1))
    assert torch.equal(body.seen[:, 16:], flags.view(5, 1, 1, 1, 1).expand(5, 1, 4, 8, 4))


@pytest.mark.parametrize(("attention", "attends"), [([False, False], False), ([False, True], True)])
def test_attention_is_where_it_is_asked_for(
    attention: list[bool], attends: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[None] = []
    real = torch.nn.functional.scaled_dot_product_attention

    def noting(*args: Any, **others: Any) -> Tensor:
        calls.append(None)
        return real(*args, **others)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", noting)
    body = networks.build(BODIES["unet"] | {"attention": attention}, inputs=8, outputs=8, told=1, places=(4, 4, 4))
    body(torch.zeros(1, 8, 4, 4, 4), torch.zeros(1), torch.zeros(1, 1))
    assert bool(calls) == attends


def test_a_representation_within_must_be_one(codec: VolumeCodec) -> None:
    with pytest.raises(InputError, match="representation"):
        model(codec, "unet", within="wavelets")


@pytest.mark.parametrize("process", processes.kinds)
@pytest.mark.parametrize("body", BODIES)
def test_untrained_it_is_the_linear_denoiser(codec: VolumeCodec, body: str, process: str) -> None:
    denoiser = model(codec, body, process).denoiser.eval()
    x, cond = data(codec)
    t = torch.linspace(0.1, 0.9, 5)
    z = denoiser.process.corrupt(x, t, Streams.of(0, 5)).z
    with torch.no_grad():
        found = denoiser(z, t, cond)[FIELD].x
        expected, _ = denoiser.network.baseline(z, t, cond)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3 * float(z[FIELD].abs().max()))


@pytest.mark.parametrize("body", BODIES)
def test_a_sample_does_not_depend_on_its_batch(codec: VolumeCodec, body: str) -> None:
    denoiser = woken(model(codec, body).denoiser)
    x, cond = data(codec)
    t = torch.linspace(0.1, 0.9, 5)
    with torch.no_grad():
        together = denoiser.raw(x, t, cond)[FIELD]
        alone = denoiser.raw(x.map(lambda v: v[2:3]), t[2:3], {name: v[2:3] for name, v in cond.items()})[FIELD]
    torch.testing.assert_close(alone, together[2:3], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["age", "sex", "tissue"])
@pytest.mark.parametrize("body", BODIES)
def test_each_condition_and_its_absence_are_seen(codec: VolumeCodec, body: str, name: str) -> None:
    denoiser = woken(model(codec, body).denoiser)
    x, cond = data(codec)
    t = torch.full((5,), 0.5)
    with torch.no_grad():
        told = denoiser.raw(x, t, cond)[FIELD]
        other = denoiser.raw(x, t, {**cond, name: cond[name].roll(1, 0)})[FIELD]
        without = denoiser.raw(x, t, {key: value for key, value in cond.items() if key != name})[FIELD]
        unknown = denoiser.raw(x, t, {**cond, name: torch.full_like(cond[name], math.nan)})[FIELD]
    assert (told - other).abs().max() > 1e-3
    assert (told - without).abs().max() > 1e-3
    torch.testing.assert_close(unknown, without)


@pytest.mark.parametrize("body", BODIES)
def test_recomputing_gives_the_same_gradient(codec: VolumeCodec, body: str) -> None:
    x, cond = data(codec)
    gradients = []
    for recompute in (False, True):
        denoiser = woken(model(codec, body, recompute=recompute).denoiser).train()
        loss = Matching()(denoiser, x, cond, Streams.of(0, 5)).total
        gradients.append(torch.autograd.grad(loss, list(denoiser.parameters())))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


def test_without_the_linear_denoiser_it_begins_at_zero(codec: VolumeCodec) -> None:
    x, cond = data(codec)
    with torch.no_grad():
        raw = model(codec, skip=False).denoiser.eval().raw(x, torch.full((5,), 0.5), cond)
    assert raw[FIELD].abs().max() == 0


def test_the_relative_loss_of_the_linear_denoiser_is_one(codec: VolumeCodec) -> None:
    built = model(codec)
    x, cond = data(codec)
    loss = objective(built.config)(built.denoiser, x, cond, Streams.of(0, 5))
    assert float(loss.parts["relative"]) == pytest.approx(1.0, abs=1e-4)
    woken(built.denoiser)
    assert float(objective(built.config)(built.denoiser, x, cond, Streams.of(0, 5)).parts["relative"]) > 1.001


def test_channels_count_by_a_power_of_their_variance(codec: VolumeCodec) -> None:
    built = model(codec)
    x, cond = data(codec)
    denoiser = built.denoiser
    table = {"kind": "relative", "condition_dropout": 0.0}
    found = []
    for balance in (0.0, 1.0):
        asked = objective(resolve({"domain": "mri3d", "objective": {**table, "balance": balance}}, "test"))
        found.append(float(asked(denoiser, x, cond, Streams.of(0, 5)).total.detach()))
    rng = Streams.of(0, 5)
    t = LAW.stratified(5, x.device, rng)
    z = denoiser.process.corrupt(x, t, rng).z
    expected, deviation = denoiser.network.baseline(z, t, cond)
    each = ((expected - x[FIELD]) ** 2 / deviation**2).mean((0, 2, 3, 4))
    energy = denoiser.network.linear.energy
    assert found == pytest.approx([float(each.mean()), float((each * energy).sum() / energy.sum())], rel=1e-4)


def test_it_needs_the_linear_denoiser(codec: VolumeCodec) -> None:
    built = model(codec, skip=False)
    x, cond = data(codec)
    with pytest.raises(InputError, match="needs a network with skip = true"):
        objective(built.config)(built.denoiser, x, cond, Streams.of(0, 5))


@pytest.mark.parametrize(
    ("body", "changes", "word"),
    [
        ("unet", {"channels": [16, 16, 16, 16]}, "cannot halve the sides"),
        ("transformer", {"patch": 3}, "must divide the sides"),
        ("transformer", {"width": 25}, "the width"),
        ("transformer", {"rank": 0}, "network.rank"),
        ("transformer", {"depth": 3}, 'no key in network transformer "depth"'),
    ],
)
def test_what_cannot_be_built_is_refused(codec: VolumeCodec, body: str, changes: dict[str, Any], word: str) -> None:
    with pytest.raises(InputError, match=word):
        model(codec, body, **changes)


def test_what_is_known_is_told_in_standard_numbers_and_flags() -> None:
    columns: Mapping[str, Column] = {
        "age": Column(50.0, 10.0, 20.0, 80.0, "years"),
        "site": Column(1.0, 0.8, 0.0, 2.0, "", ("A", "B", "C")),
    }
    told = Told(columns)({"age": torch.tensor([60.0, math.nan]), "site": torch.tensor([2.0, 1.0])}, torch.zeros(2))
    third = (1 - 1 / 3) / math.sqrt(2 / 9)
    rest = (0 - 1 / 3) / math.sqrt(2 / 9)
    assert told[0].tolist() == pytest.approx([1, 1, rest, rest, third, 1, 1, 1, 1])
    assert told[1].tolist() == pytest.approx([1, 0, rest, third, rest, 0, 1, 1, 1])
