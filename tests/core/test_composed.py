"""Fields of different kinds together: a torus, centred points and classes, moved by one solver."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from geodrift.layout import Padded, Ragged
from geodrift.processes import Affine, Geodesic, Jump, Predictions, Process, Product, Wrapped
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.schedules import EDM, VP, Rectified
from geodrift.solvers import S4, Ancestral, EulerMaruyama, PredictorCorrector, Solver, Strang, heun
from geodrift.spaces import SPD, Around, Centred, Simplex, Sphere, Torus
from geodrift.state import State
from geodrift.testing import (
    Exact,
    Points,
    assert_batch_invariant,
    assert_padding_ignored,
    assert_same,
    chi_square,
    kolmogorov_smirnov,
    pick,
    ragged,
)

LENGTHS = torch.tensor([3, 1, 4, 2, 5])
BLUR = 0.5
STOCHASTIC = [
    Ancestral(),
    EulerMaruyama(scale=0.5),
    EulerMaruyama(scale=2.0),
    PredictorCorrector(snr=0.1),
    Strang(),
    S4(),
]
NOISY, STRAIGHT = Wrapped(EDM(2.0), Torus(2.0)), Geodesic(Torus(2.0))
MOVED = [(NOISY, solver) for solver in (heun(), *STOCHASTIC)] + [(STRAIGHT, heun()), (STRAIGHT, Ancestral())]
PARTS: list[tuple[Process, tuple[int, ...]]] = [
    (NOISY, (3,)),
    (STRAIGHT, (3,)),
    (Geodesic(Sphere()), (3,)),
    (Geodesic(Simplex()), (3,)),
    (Geodesic(SPD(), source=Around(SPD(), torch.eye(2))), (2, 2)),
    (Affine(Rectified(), space=Centred()), (3,)),
]


class Apart:
    """The exact denoiser of independent rows: each has the law of its field."""

    def __init__(self, process: Product, laws: dict[str, Points]) -> None:
        self.process = process
        self.fields = {name: Exact(part, laws[name]) for name, part in process.parts.items()}

    def __call__(self, z: State, t: Tensor, cond: Any = None) -> Predictions:
        times = self.process.times(t, z)
        return Predictions({name: exact(z[name], times[name]) for name, exact in self.fields.items()})


def crystal(angles: Process) -> Apart:
    """Angles around two places, points around their centre, and classes that are two to one."""
    process = Product({"angle": angles, "place": Affine(VP(), space=Centred()), "kind": Jump.masked(2)})
    places, shares = torch.tensor([[0.1], [1.2]]), torch.tensor([0.3, 0.7])
    laws = {
        "angle": Points(places, shares, torch.full((2,), 0.2)),
        "place": Points(torch.zeros(1, 3), torch.ones(1), torch.tensor([BLUR])),
        "kind": Points(torch.tensor([[0], [1]]), torch.tensor([2.0, 1.0]) / 3),
    }
    return Apart(process, laws)


def like(lengths: Tensor) -> State:
    layout, count = Ragged.of(lengths), int(lengths.sum())
    fields = {"angle": torch.zeros(count, 1), "place": torch.zeros(count, 3)}
    return State({**fields, "kind": torch.zeros(count, 1, dtype=torch.int64)}, dict.fromkeys((*fields, "kind"), layout))


def folded(x: Tensor) -> Tensor:
    images, places = 2.0 * torch.arange(-3, 4), torch.tensor([[0.1], [1.2]])
    ends = [torch.special.ndtr((v[..., None, None] + images - places) / 0.2) for v in (x, torch.zeros(()))]
    return (torch.tensor([0.3, 0.7]) * (ends[0] - ends[1]).sum(-1)).sum(-1)


@pytest.mark.parametrize(("angles", "solver"), MOVED, ids=repr)
def test_a_torus_centred_points_and_classes_sample_their_laws(angles: Process, solver: Solver) -> None:
    lengths = torch.full((500,), 4)
    x = sample(crystal(angles), like(lengths), solver, Streams.of(0, 500), steps=40)
    assert kolmogorov_smirnov(x["angle"], folded) < 3
    assert chi_square(torch.bincount(x["kind"].flatten(), minlength=2).double(), torch.tensor([2.0, 1.0]) / 3) < 3
    centres = x["place"].reshape(500, 4, 3)
    torch.testing.assert_close(centres.mean(1), torch.zeros(500, 3))
    step = (centres[:, 0] - centres[:, 1]) / (BLUR * 2**0.5)
    assert kolmogorov_smirnov(step, torch.special.ndtr) < 3.5  # three thousand correlated steps of 40 and fewer


@pytest.mark.parametrize(("angles", "solver"), MOVED, ids=repr)
def test_a_sample_depends_on_its_seed_and_index_alone(angles: Process, solver: Solver) -> None:

    def draw(index: Tensor) -> State:
        x: State = sample(crystal(angles), pick(like(LENGTHS), index), solver, Streams.of(7, index), steps=6)
        return x

    assert_batch_invariant(draw, 5, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("solver", [heun(), *STOCHASTIC], ids=repr)
def test_noise_and_every_step_stay_centred(solver: Solver) -> None:
    """On padded and on ragged fields alike, and the numbers are the same."""
    process = Product({"place": Affine(VP(), space=Centred())})
    law = {"place": Points(torch.zeros(1, 3), torch.ones(1), torch.tensor([BLUR]))}
    padded = State({"place": torch.zeros(5, 5, 3)}, {"place": Padded.of(LENGTHS)})
    states: list[State] = []
    wide = {"place": Points(torch.zeros(1, 5, 3), torch.ones(1), torch.tensor([BLUR]))}
    for z, laws in ((ragged(padded), law), (padded, wide)):
        seen: list[State] = []
        x = sample(
            Apart(process, laws), z, solver, Streams.of(0, 5), steps=6, watch=lambda i, v, seen=seen: seen.append(v)
        )
        for found in (process.prior(z, Streams.of(0, 5)), process.partner(z, Streams.of(0, 5)), *seen, x):
            means = found.layouts["place"].average(found["place"])
            torch.testing.assert_close(means, torch.zeros_like(means), rtol=0, atol=1e-12)
        states.append(ragged(x))
    assert_same(states[0]["place"], states[1]["place"], rtol=1e-10, atol=1e-12)


def test_what_a_network_says_off_centre_does_not_move_the_centre() -> None:
    process = Product({"place": Affine(VP(), space=Centred())})
    z = ragged(State({"place": torch.zeros(5, 5, 3)}, {"place": Padded.of(LENGTHS)}))
    z = process.prior(z, Streams.of(0, 5))
    p, t = process.resolve(z.map(lambda v: torch.cos(7 * v) + 1), z, torch.tensor(0.5)), torch.tensor(0.5)
    for found in (
        process.finish(p, z, Streams.of(0, 5)),
        process.advance(EulerMaruyama().law, p, z, t, t - 0.1, Streams.of(0, 5)),
        process.space.retract(z, process.velocity(p, z, t)),
    ):
        torch.testing.assert_close(found["place"], process.space.project(found)["place"], rtol=0, atol=1e-12)


def padded(process: Process, shape: tuple[int, ...]) -> State:
    """Data on samples of different length."""
    x = torch.ones(5, 5, *shape) + torch.eye(*shape) if len(shape) == 2 else torch.ones(5, 5, *shape)
    return State({"x": process.space.project(x)}, {"x": Padded.of(LENGTHS)}).masked()


@pytest.mark.parametrize(("process", "shape"), PARTS, ids=repr)
def test_padding_is_ignored(process: Process, shape: tuple[int, ...]) -> None:
    whole, x = Product({"x": process}), padded(process, shape)

    def corrupted(x: State) -> State:
        return whole.corrupt(x, torch.linspace(0.2, 0.8, 5), Streams.of(0, 5)).z

    def started(x: State) -> State:
        return whole.prior(x, Streams.of(0, 5))

    def finished(x: State) -> State:
        z, t = whole.prior(x, Streams.of(0, 5)), torch.linspace(0.2, 0.8, 5)
        p = whole.resolve(z.map(torch.sin), z, t)
        z = whole.space.retract(z, whole.velocity(p, z, t))
        return whole.finish(whole.resolve(z.map(torch.sin), z, t), z, Streams.of(1, 5))

    for act in (corrupted, started, finished):
        assert_padding_ignored(act, x, {"x": 3}, atol=1e-12)


@pytest.mark.parametrize(("process", "shape"), PARTS, ids=repr)
def test_the_loss_has_finite_derivatives_where_nothing_exists(process: Process, shape: tuple[int, ...]) -> None:
    whole, x = Product({"x": process}), padded(process, shape)
    draw = whole.corrupt(x, torch.linspace(0.2, 0.8, 5), Streams.of(0, 5))
    weight = torch.ones(()).requires_grad_()
    errors = whole.loss(draw.z.map(lambda z: weight * torch.cos(z)), draw)
    (slope,) = torch.autograd.grad(x.layouts["x"].mean(errors["x"]).mean(), weight)
    assert torch.isfinite(slope)
    assert slope != 0
