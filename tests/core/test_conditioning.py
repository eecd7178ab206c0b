"""Laws of conditions: unknown is NaN, drops are whole and as frequent as asked, nothing at initialisation."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from geodrift.conditioning import Conditioner, drop
from geodrift.rng import Streams
from geodrift.testing import assert_batch_invariant

SCALES = {"weight": (100.0, 20.0), "logp": (1.0, 0.0)}


def trained() -> Conditioner:
    conditioner = Conditioner(SCALES, 8)
    generator = torch.Generator().manual_seed(0)
    for parameter in conditioner.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator)
    return conditioner


def test_says_nothing_at_initialisation() -> None:
    cond = {"weight": torch.tensor([50.0, torch.nan]), "logp": torch.tensor([2.0, 3.0])}
    assert torch.all(Conditioner(SCALES, 8)(cond, torch.zeros(2)) == 0)


def test_unknown_is_missing_is_nan() -> None:
    net, t = trained(), torch.zeros(2)
    nan = torch.full((2,), torch.nan)
    nothing = net({}, t)
    assert nothing.shape == (2, 8)
    assert torch.isfinite(nothing).all()
    assert torch.equal(net({"weight": nan, "logp": nan}, t), nothing)
    value = torch.tensor([90.0, 120.0])
    assert torch.equal(net({"weight": value}, t), net({"weight": value, "logp": nan}, t))


def test_known_differs_from_unknown_and_values_differ() -> None:
    """The mean of a condition is not the same as not knowing it."""
    net, t = trained(), torch.zeros(1)
    at_mean, unknown, other = (
        net({"weight": torch.tensor([100.0])}, t),
        net({}, t),
        net({"weight": torch.tensor([120.0])}, t),
    )
    assert not torch.allclose(at_mean, unknown)
    assert not torch.allclose(at_mean, other)


def test_values_are_standardised_and_constants_are_harmless() -> None:
    net = trained()
    assert torch.isfinite(net({"logp": torch.tensor([1.0])}, torch.zeros(1))).all()
    seen: list[Tensor] = []
    net.net.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    net({"weight": torch.tensor([140.0, torch.nan])}, torch.zeros(2))
    assert seen[0].tolist() == [[2.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]]


def test_nan_has_no_gradient() -> None:
    net = trained()
    cond = {"weight": torch.tensor([torch.nan, 110.0], requires_grad=True)}
    net(cond, torch.zeros(2)).sum().backward()
    grad = cond["weight"].grad
    assert grad is not None
    assert grad[0] == 0
    assert grad[1] != 0
    assert all(torch.isfinite(p.grad).all() for p in net.parameters() if p.grad is not None)


def frequency(event: Tensor, expected: float) -> None:
    spread = (expected * (1 - expected) / len(event)) ** 0.5
    assert float(event.double().mean()) == pytest.approx(expected, abs=3.3 * spread)


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 1.0])
def test_one_condition_is_dropped_as_often_as_asked(p: float) -> None:
    cond = {"weight": torch.arange(20000).double()}
    dropped = drop(cond, p, Streams.of(0, 20000))["weight"]
    gone = torch.isnan(dropped)
    frequency(gone, p)
    assert torch.equal(dropped[~gone], cond["weight"][~gone])


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 1.0])
def test_of_several_any_may_be_asked_for_alone(p: float) -> None:
    """All at once with probability p; of the other samples each with p again, on its own."""
    cond = {"weight": torch.ones(20000), "logp": torch.ones(20000)}
    weight, logp = (torch.isnan(v) for v in drop(cond, p, Streams.of(0, 20000)).values())
    frequency(weight & logp, p + (1 - p) * p**2)
    frequency(weight & ~logp, (1 - p) * p * (1 - p))
    frequency(~weight & logp, (1 - p) * p * (1 - p))
    frequency(~weight & ~logp, (1 - p) ** 3)


def test_drops_belong_to_samples() -> None:
    values = torch.arange(9).double()
    assert_batch_invariant(lambda index: drop({"weight": values[index]}, 0.5, Streams.of(1, index))["weight"], 9)
    assert drop({}, 0.5, Streams.of(0, 3)) == {}
