"""Paths on a torus up to a shift: pairs of atoms on a circle, whose distance alone has a law."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from geodrift.interpolations import Linear, SinSquared
from geodrift.layout import Padded, Ragged
from geodrift.prediction import Tangent
from geodrift.processes import Geodesic, Interpolant, Process, Product
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.solvers import Ancestral, Solver, euler, heun
from geodrift.sources import Uniform
from geodrift.spaces import Relative, Torus
from geodrift.state import State
from geodrift.testing import assert_padding_ignored, kolmogorov_smirnov
from geodrift.testing.perfect import Perfect

APART, WEIGHTS = torch.tensor([0.1, 0.45, 0.8]).double(), torch.tensor([0.2, 0.5, 0.3]).double()
IMAGES = torch.arange(-2, 3).double()


class Pairs:
    """The exact denoiser of pairs `(B, 2)` that are some distance apart, wherever they are.

    With ways `w` from the data to a uniform source their distance is the data's plus `kappa (w_2 - w_1)`, of a
    triangular law: the state tells how likely each distance is, and with it the difference of the ways.
    """

    def __init__(self, space: Torus) -> None:
        self.process = Geodesic(space)

    def __call__(self, z: Tensor, t: Any, cond: Any = None) -> Tangent:
        kappa = self.process.at(torch.as_tensor(t), z).sigma
        ways = ((z[:, 1] - z[:, 0])[:, None, None] - APART[:, None] + IMAGES) / kappa
        odds = WEIGHTS[:, None] * (1 - ways.abs()).clamp(min=1e-300)
        way = (odds * ways).sum((1, 2)) / odds.sum((1, 2))
        return self.process.resolve(torch.stack([0.3 - way / 2, 0.3 + way / 2], 1), z, torch.as_tensor(t))


@pytest.mark.parametrize(("solver", "steps"), [(euler(), 60), (heun(), 40), (Ancestral(), 60)], ids=repr)
def test_flows_without_their_centre_reach_the_law_of_distances(solver: Solver, steps: int) -> None:
    """And keep the centre, of which the network says that it moves."""
    n, oracle = 4000, Pairs(Relative())
    start: list[Tensor] = []
    x = sample(
        oracle,
        torch.zeros(n, 2),
        solver,
        Streams.of(0, n),
        steps=steps,
        watch=lambda i, z: start.append(z) if not i else 0,
    )
    gap = Torus().log(APART, (x[:, 1] - x[:, 0])[:, None]).abs()
    shares = torch.bincount(gap.argmin(1), minlength=3) / n
    torch.testing.assert_close(shares, WEIGHTS, atol=0.02, rtol=0)
    assert float(gap.min(1)[0].mean()) < 0.01
    drift = Torus(0.5).log(x.mean(1), start[0].mean(1))
    torch.testing.assert_close(drift, torch.zeros(n), atol=1e-9, rtol=0)
    assert kolmogorov_smirnov(x[:, 0], lambda v: v) < 3


def test_targets_lose_their_mean_and_nothing_else() -> None:
    """The loss is what is left of that on the torus when a network may answer any shift."""
    layout, t = Ragged.of(torch.tensor([3, 1, 4])), torch.tensor([0.2, 0.5, 0.9])
    x = State({"x": torch.rand(8, 3, generator=torch.Generator().manual_seed(0))}, {"x": layout})
    plain, centred = (Product({"x": Geodesic(space)}) for space in (Torus(), Relative()))
    draws = [process.corrupt(x, t, Streams.of(0, 3)) for process in (plain, centred)]
    torch.testing.assert_close(draws[0].z["x"], draws[1].z["x"])
    raw = torch.linspace(-1, 1, 24).reshape(8, 3).cos()
    target = plain.parts["x"].heading(draws[0].z["x"], x["x"], draws[0].n["x"])  # type: ignore[attr-defined]
    free = raw - layout.average(raw - target)
    losses = [
        process.loss(State({"x": answer}, x.layouts), draw)["x"]
        for process, answer, draw in ((plain, free, draws[0]), (centred, raw, draws[1]))
    ]
    torch.testing.assert_close(*losses)


PATHS = [Geodesic(Relative()), Interpolant(Linear(SinSquared(0.1)), Uniform(), space=Relative())]


@pytest.mark.parametrize("path", PATHS, ids=["geodesic", "interpolant"])
def test_known_data_return_up_to_a_shift(path: Process) -> None:
    layout = Ragged.of(torch.tensor([3, 2, 4]))
    x = State({"x": torch.rand(9, 3, generator=torch.Generator().manual_seed(1))}, {"x": layout})
    found = sample(Perfect(Product({"x": path}), x), x, euler(), Streams.of(0, 3), steps=5)
    way = Torus().log(x["x"], found["x"])
    first = torch.tensor([0, 0, 0, 3, 3, 5, 5, 5, 5])
    torch.testing.assert_close(Torus().log(way[first], way), torch.zeros(9, 3), atol=1e-9, rtol=0)
    assert float(way.abs().max()) > 0.05


@pytest.mark.parametrize("path", PATHS, ids=["geodesic", "interpolant"])
def test_padding_is_ignored(path: Process) -> None:
    whole, lengths = Product({"x": path}), torch.tensor([3, 1, 4])
    x = State({"x": torch.rand(3, 4, 2)}, {"x": Padded.of(lengths)}).masked()
    doubled = whole.channels["x"][1] // whole.channels["x"][0]

    def finished(x: State) -> State:
        z, t = whole.prior(x, Streams.of(0, 3)), torch.linspace(0.2, 0.8, 3)
        p = whole.resolve(z.map(lambda v: torch.cat([torch.sin(9 * v)] * doubled, -1)), z, t)
        return whole.finish(p, whole.space.retract(z, whole.velocity(p, z, t)), Streams.of(1, 3))

    assert_padding_ignored(finished, x, {"x": 3}, atol=1e-12)
