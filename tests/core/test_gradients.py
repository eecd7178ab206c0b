"""Gradients through sampling: exact where they are to be, of fourth order where not, with the memory they promise."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from geodrift.denoiser import Denoiser
from geodrift.errors import InputError
from geodrift.gradients import Adjoint, Checkpointed, Direct, Gradient, Reversible, differentiable, even_noise
from geodrift.guidance.cfg import ClassifierFree
from geodrift.parametrization import V
from geodrift.processes import Affine, Jump, Product
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.schedules import EDM, VE, VP, Cosine, Rectified, Schedule
from geodrift.solvers import DrivenEulerMaruyama, EulerMaruyama, ReversibleHeun, heun, rk4
from geodrift.state import State
from geodrift.testing import Exact, Points, order

RNG = Streams.of(0, 4)


class Network(nn.Module):
    """A small smooth network with a condition."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.layers = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))

    def forward(self, z: Any, t: Tensor, cond: Any) -> Any:
        flat = torch.cat(list(z.values()), 1) if isinstance(z, State) else z
        out = self.layers(torch.cat([flat, t[:, None], cond["c"][:, None]], -1))
        return State({"a": out[:, :1], "b": out[:, 1:]}) if isinstance(z, State) else out


def tensor(schedule: Schedule | None = None) -> Denoiser:
    return Denoiser(Network(), Affine(schedule or VP(), parametrization=V()))


def state() -> Denoiser:
    parts = {"a": Affine(VP(), parametrization=V()), "b": Affine(Cosine(), parametrization=V())}
    return Denoiser(Network(), Product(parts))


def start(denoise: Any) -> Any:
    z = torch.cos(torch.arange(8.0)).reshape(4, 2)
    return State({"a": z[:, :1], "b": z[:, 1:]}) if isinstance(denoise.process, Product) else z


def found(denoise: Any, way: Gradient, times: Tensor, network: nn.Module | None = None) -> tuple[Tensor, Tensor]:
    """The end, and the gradients of the start, of the condition and of all weights, as two vectors."""
    z, c = start(denoise), torch.sin(torch.arange(4.0)).requires_grad_()
    z = z.map(lambda v: v.clone().requires_grad_()) if isinstance(z, State) else z.clone().requires_grad_()
    end = differentiable(denoise, z, times, way, RNG, {"c": c})
    ends, begins = ([*v.values()] if isinstance(v, State) else [v] for v in (end, z))
    loss = torch.stack([torch.square(v - 0.3).sum() for v in ends]).sum()
    inputs = [*begins, c, *(network or denoise).parameters()]
    grads = torch.autograd.grad(loss, inputs)
    return torch.cat([v.detach().flatten() for v in ends]), torch.cat([g.flatten() for g in grads])


def uniform(steps: int, first: float = 0.9, last: float = 0.2) -> Tensor:
    return torch.linspace(first, last, steps + 1)


def gap(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max() / other.abs().max())


@pytest.mark.parametrize("make", [tensor, state])
@pytest.mark.parametrize("solver", [heun(), EulerMaruyama(), DrivenEulerMaruyama(), ReversibleHeun()], ids=repr)
def test_checkpoints_change_no_bit(solver: Any, make: Any) -> None:
    denoise = make()
    direct, again = (found(denoise, kind(solver), uniform(8)) for kind in (Direct, Checkpointed))
    assert torch.equal(direct[0], again[0])
    assert torch.equal(direct[1], again[1])
    assert torch.all(direct[1] != 0)


@pytest.mark.parametrize("make", [tensor, state])
@pytest.mark.parametrize("scale", [0.0, 0.5])
def test_undoing_the_steps_gives_the_gradient_of_autograd(scale: float, make: Any) -> None:
    denoise, solver = make(), ReversibleHeun(scale)
    direct, undone = found(denoise, Direct(solver), uniform(40)), found(denoise, Reversible(solver), uniform(40))
    assert torch.equal(direct[0], undone[0])
    assert gap(undone[1], direct[1]) < 1e-10


def test_the_gradient_is_that_of_finite_differences() -> None:
    denoise, times, h = tensor(), uniform(6), 1e-5
    for way in (Checkpointed(heun()), Reversible()):
        z = start(denoise).requires_grad_()
        cond = {"c": torch.zeros(4)}
        loss = differentiable(denoise, z, times, way, RNG, cond).square().sum()
        (grad,) = torch.autograd.grad(loss, z)
        along = torch.sin(1 + torch.arange(8.0)).reshape(4, 2)
        with torch.no_grad():
            far, near = (
                differentiable(denoise, z + step * along, times, way, RNG, cond).square().sum() for step in (h, -h)
            )
        assert float((grad * along).sum()) == pytest.approx(float((far - near) / (2 * h)), rel=1e-7)


@pytest.mark.parametrize("make", [tensor, state])
def test_the_adjoint_has_order_four(make: Any) -> None:
    denoise = make()
    times = {n: even_noise(denoise.process, 0.9, 0.05, n) for n in (8, 16, 32, 96)}
    end, grad = found(denoise, Adjoint(), times[96])
    assert order(lambda n: gap(found(denoise, Adjoint(), times[n])[1], grad), (8, 16, 32)) == pytest.approx(4, abs=0.5)
    assert order(lambda n: gap(found(denoise, Adjoint(), times[n])[0], end), (8, 16, 32)) == pytest.approx(4, abs=0.5)
    direct = found(denoise, Direct(rk4()), uniform(80, 0.9, 0.05))
    assert gap(end, direct[0]) < 1e-5
    assert gap(grad, direct[1]) < 1e-5


@pytest.mark.parametrize("schedule", [VP(), Cosine(), Rectified(), VE(0.1, 5.0), EDM(5.0)], ids=repr)
@pytest.mark.parametrize("way", [Adjoint(), Checkpointed(rk4()), Reversible()], ids=["adjoint", "rk4", "reversible"])
def test_the_gradient_of_a_gaussian(way: Gradient, schedule: Schedule) -> None:
    """The flow keeps the standardised coordinate: its derivative is the ratio of the standard deviations."""
    process, std = Affine(schedule), 0.5
    exact = Exact(process, Points(torch.tensor([[0.7]]), torch.ones(1), torch.tensor([std])))
    times = even_noise(process, 0.8, 0.1, 48)
    z = torch.tensor([[0.4], [-1.0], [2.0], [0.0]]).requires_grad_()
    (grad,) = torch.autograd.grad(differentiable(exact, z, times, way, RNG).sum(), z)
    first, last = (schedule(t) for t in (times[0], times[-1]))
    widths = [torch.hypot(at.alpha * std, at.sigma) for at in (first, last)]
    tolerance = 2e-3 if isinstance(way, Reversible) else 1e-5
    torch.testing.assert_close(grad, (widths[1] / widths[0]).expand(4, 1), rtol=0, atol=tolerance)


def kept(way: Gradient, steps: int) -> int:
    """Numbers that the backward pass keeps of a run, of tensors of the size of a sample or larger."""
    denoise, sizes = tensor(), []

    def pack(v: Tensor) -> Tensor:
        sizes.append(v.numel() if v.ndim else 0)
        return v

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda v: v):
        differentiable(denoise, start(denoise), uniform(steps), way, RNG, {"c": torch.zeros(4)})
    return sum(sizes)


def test_memory_is_flat_where_it_is_promised() -> None:
    assert kept(Adjoint(), 40) == kept(Adjoint(), 10) == 16
    assert kept(Reversible(), 40) == kept(Reversible(), 10) == 16
    assert kept(Direct(heun()), 40) == pytest.approx(4 * kept(Direct(heun()), 10), rel=0.1)
    assert kept(Checkpointed(heun()), 40) < kept(Direct(heun()), 40) / 10


def test_guided_denoisers_have_gradients() -> None:
    denoise = tensor()
    guided = ClassifierFree(denoise, 1.0)
    for way in (Reversible(), Adjoint(), Checkpointed()):
        assert gap(found(guided, way, uniform(20), denoise)[1], found(denoise, way, uniform(20))[1]) < 1e-12


def test_what_is_differentiated_is_what_is_sampled() -> None:
    denoise = tensor()
    times = torch.arange(20, 0, -1, dtype=torch.float64) / 20
    states: list[Tensor] = []
    cond = {"c": torch.zeros(4)}
    sample(denoise, torch.zeros(4, 2), heun(), RNG, steps=20, cond=cond, watch=lambda i, z: states.append(z))
    z = denoise.process.prior(torch.zeros(4, 2), Streams.of(0, 4))
    torch.testing.assert_close(differentiable(denoise, z, times, Direct(heun()), RNG, cond).detach(), states[-1])


def test_even_noise() -> None:
    process = Affine(VP())
    at = process.schedule(even_noise(process, 0.9, 0.01, 9))
    steps = torch.diff(torch.log(at.sigma / at.alpha))
    torch.testing.assert_close(steps, steps.mean().expand(9), rtol=1e-9, atol=0)


@pytest.mark.parametrize(
    ("process", "times", "message"),
    [
        (Product({"x": Affine(VP()), "c": Jump.masked(2)}), (0.9, 0.5), "field c .* is not; use Checkpointed"),
        (Affine(Rectified()), (1.0, 0.5), "has none at the first time; start later"),
        (Affine(VP()), (0.9, 0.0), "has none at the last time; end earlier"),
    ],
    ids=["jump", "no-signal", "no-noise"],
)
def test_refusals(process: Any, times: tuple[float, ...], message: str) -> None:
    x = torch.zeros(1, 1)
    law = Points(State({"x": x, "c": x.long()}) if isinstance(process, Product) else x, torch.ones(1), torch.ones(1))
    with pytest.raises(InputError, match=message):
        differentiable(Exact(process, law), law.points, torch.tensor(times), Adjoint(), Streams.of(0, 1))
