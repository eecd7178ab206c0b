"""Laws of the Bayesian flow on the circle: its closed form, its belief, its symmetry, and what comes out of it."""

from __future__ import annotations

import math

import pytest
import torch

from geodrift.embeddings import Circle
from geodrift.layout import Ragged
from geodrift.prediction import Estimate, Located
from geodrift.processes import Bayesian, Product
from geodrift.processes.accuracy import Entropy, Quadratic
from geodrift.processes.accuracy import belief as expected
from geodrift.processes.periodic import Bins, Head, Periodic, Vector, on_circle, polar, turn
from geodrift.rng import Streams
from geodrift.state import State
from geodrift.testing import Exact, Points, assert_same, kolmogorov_smirnov
from geodrift.testing.laws import check_embedding
from geodrift.von_mises import VonMises, resultant, wrap

TURN = 2 * math.pi
PROCESS = Bayesian(Periodic(TURN), Entropy())


@pytest.mark.parametrize(("senders", "length"), [(10, 4.960), (100, 5.478)])
def test_many_small_von_mises_observations_become_the_closed_form(senders: int, length: float) -> None:
    """At rho = 5: the expected length with few senders, and its limit, that of Rice's law."""
    n, rho = 20000, 5.0
    a = torch.tensor(math.sqrt(2 * rho / senders))
    y = VonMises(torch.zeros(n, senders), a).sample(Streams.of(0, n))
    total = a * on_circle(y).sum(1)
    torch.testing.assert_close(total[:, 0].mean(), senders * a * resultant(a), atol=0.05, rtol=0)
    assert float(total.norm(dim=1).mean()) == pytest.approx(length, abs=0.05)
    z = Bayesian(Periodic(TURN), Quadratic(rho)).corrupt(torch.zeros(n), torch.zeros(()), Streams.of(1, n)).z
    half = torch.tensor(rho / 4)
    laguerre = (1 + rho / 2) * torch.special.i0e(half) + rho / 2 * torch.special.i1e(half)
    rice = math.sqrt(math.pi * rho / 2) * float(laguerre)
    assert rice == pytest.approx(5.536, abs=5e-4)
    assert math.sqrt(rho) * float(z.norm(dim=1).mean()) == pytest.approx(rice, abs=0.05)


@pytest.mark.parametrize("time", [0.9, 0.6, 0.2])
def test_the_belief_is_exactly_von_mises(time: float) -> None:
    """For uniform angles, the cumulative belief at the truth is uniform."""
    n, t = 3000, torch.tensor(time)
    x = TURN * Streams.of(0, n).uniform(torch.zeros(n))
    h = torch.sqrt(PROCESS.rho(t)) * PROCESS.corrupt(x, t, Streams.of(1, n)).z
    direction, c = polar(h)
    error = wrap(x - torch.atan2(direction[:, 1], direction[:, 0]))
    edges = torch.linspace(-math.pi, math.pi, 2001)
    cells = torch.exp(VonMises(torch.zeros(()), c[:, None]).log_prob((edges[1:] + edges[:-1]) / 2))
    cdf = torch.cat([torch.zeros(n, 1), torch.cumsum(cells, 1) * (edges[1] - edges[0])], 1)
    place = (error + math.pi) / TURN * 2000
    low = place.floor().long().clamp(max=1999)
    both = cdf.gather(1, torch.stack([low, low + 1], 1))
    level = both[:, 0] + (place - low) * (both[:, 1] - both[:, 0])
    assert kolmogorov_smirnov(level, lambda v: v) < 3
    for k in (1, 2):  # and cos k(x - m) has the mean that c says, also where c is small or large
        part = c > c.median() if k == 1 else c < c.median()
        gap = torch.cos(error[part]) - resultant(c[part])
        assert float(gap.mean().abs() / gap.std()) * int(part.sum()) ** 0.5 < 3.5


def test_the_expected_entropy_falls_on_a_line() -> None:
    """Off the nodes of the table too, at the published accuracies, and the loss of uniform data is constant."""
    rho = Entropy(1000.0).rho(torch.linspace(1, 0, 11))
    published = [0, 0.951, 2.432, 5.008, 10.16, 21.32, 45.63, 98.38, 212.9, 461.2, 1000.0]
    torch.testing.assert_close(rho, torch.tensor(published), rtol=6e-4, atol=0)
    t = torch.linspace(1, 0, 137)
    entropies, error = expected(Entropy(1000.0).rho(t))
    line = entropies[0] + (1 - t) * (entropies[-1] - entropies[0])
    torch.testing.assert_close(entropies, line, atol=1e-6, rtol=0)
    assert float(entropies[0]) == pytest.approx(math.log(TURN), abs=1e-12)
    loss = Entropy(1000.0).rate(t) * error / 2
    torch.testing.assert_close(loss, (entropies[0] - entropies[-1]).expand(137), rtol=1e-3, atol=0)


def test_bins_learn_the_belief() -> None:
    """For uniform angles, no logits around the least cross-entropy are better than those of the belief."""
    n, t, head = 20000, torch.tensor(0.7), Bins(12)
    process = Bayesian(Periodic(TURN, head), Entropy())
    draw = process.corrupt(TURN * Streams.of(0, n).uniform(torch.zeros(n)), t, Streams.of(1, n))
    points = process.resolve(torch.zeros(n, 12), draw.z, t)
    assert isinstance(points, Located)
    h = torch.sqrt(process.rho(t)) * draw.z
    inside = torch.einsum("nd,nkd->nk", h, points.points)
    width = torch.linalg.vector_norm(points.points.roll(-1, 1) - points.points.roll(1, 1), dim=-1)
    raw = inside + torch.log(width)
    least = process.loss(raw, draw).mean()
    for k in range(12):
        for change in (0.5, -0.5):
            other = raw.clone()
            other[:, k] += change
            assert process.loss(other, draw).mean() > least


def test_the_answer_nothing_is_the_belief_and_any_mean_can_be_told() -> None:
    z, t = torch.randn(50, 2, generator=torch.Generator().manual_seed(0)), torch.tensor(0.4)
    direction, length = polar(z)
    c = torch.sqrt(PROCESS.rho(t)) * length
    p = PROCESS.resolve(torch.zeros(50, 2), z, t)
    torch.testing.assert_close(PROCESS.mean(p), resultant(c)[:, None] * direction)
    far = PROCESS.mean(PROCESS.resolve(100 * torch.randn(50, 2, generator=torch.Generator().manual_seed(1)), z, t))
    assert bool((far.norm(dim=1) < 1).all())
    assert float(far.norm(dim=1).min()) > 0.9
    assert isinstance(p, Estimate)
    torch.testing.assert_close(torch.sqrt(PROCESS.rho(t)) * p.x + p.n, z)


@pytest.mark.parametrize("head", [Vector(), Bins(8)], ids=repr)
def test_shifted_data_are_shifted_throughout(head: Head) -> None:
    """With noise that is turned alike, states turn, and what is answered from what is seen without a direction."""
    process, shift, n = Bayesian(Periodic(1.0, head), Entropy()), 0.3, 40
    x, t = Streams.of(0, n).uniform(torch.zeros(n)), torch.linspace(0.1, 1, n)
    noise, angle = process.partner(x, Streams.of(1, n)), on_circle(torch.tensor(TURN * shift)).expand(n, 2)
    here, there = (
        process.corrupt(y, t, Streams.of(0, n), e)
        for y, e in ((x, noise), (torch.remainder(x + shift, 1.0), turn(angle, noise)))
    )
    torch.testing.assert_close(there.z, turn(angle, here.z))
    seen, moved = (process.inputs(draw.z, t) for draw in (here, there))
    torch.testing.assert_close(moved[:, :2], turn(angle, seen[:, :2]))
    torch.testing.assert_close(moved[:, 2], seen[:, 2])
    raw = torch.stack([torch.cos((k + 1) * seen[:, 2]) for k in range(head.channels)], -1)
    p, q = (process.resolve(raw, draw.z, t) for draw in (here, there))
    torch.testing.assert_close(process.mean(q), turn(angle, process.mean(p)))
    torch.testing.assert_close(process.loss(raw, there), process.loss(raw, here))
    apart = process.finish(q, there.z, Streams.of(2, n)) - process.finish(p, here.z, Streams.of(2, n))
    torch.testing.assert_close(wrap(TURN * (apart - shift)), torch.zeros(n), atol=1e-9, rtol=0)


def test_the_network_sees_how_sure_the_belief_is() -> None:
    """The realised concentration, from nothing at zero to one at the accuracy of the data."""
    z = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, -math.sqrt(1000.0)]])
    seen = PROCESS.inputs(z, torch.zeros(()))
    torch.testing.assert_close(seen[:, 2], torch.log1p(torch.tensor([0.0, math.sqrt(1000.0), 1000.0])) / math.log(1001))
    torch.testing.assert_close(seen[1:, :2], torch.tensor([[1.0, 0.0], [0.0, -1.0]]))
    none = PROCESS.inputs(z, torch.ones(()))
    assert bool((none[:, 2] == 0).all()), "at the source a state is noise, whatever its length"


def test_coordinates_of_a_ragged_state() -> None:
    """Three coordinates a row: the law of each is that of its own datum."""
    lengths = torch.tensor([2, 1, 3])
    process = Product({"positions": Bayesian(Periodic(), Entropy())})
    values = torch.rand(6, 3, generator=torch.Generator().manual_seed(0))
    x = State({"positions": values}, {"positions": Ragged.of(lengths)})
    draw = process.corrupt(x, torch.tensor([0.0, 0.1, 0.2]), Streams.of(0, 3))
    assert draw.z["positions"].shape == (6, 3, 2)
    assert process.inputs(draw.z, torch.tensor([0.0, 0.1, 0.2]))["positions"].shape == (6, 3, 3)
    back = Circle().quantize(draw.z["positions"])
    assert float(wrap(TURN * (back - x["positions"])).abs().max()) < 0.5
    raw = State({"positions": torch.zeros(6, 3, 2)}, x.layouts)
    assert process.loss(raw, draw)["positions"].shape == (6, 3)


def test_a_circle_is_an_embedding() -> None:
    x = torch.tensor([0.0, 0.25, 1.3, 1.99])
    circle = Circle(2.0)
    torch.testing.assert_close(circle.quantize(3 * circle.embed(x)), x)
    assert float(circle.quantize(torch.tensor([1.0, -1e-20]))) == 0
    assert circle.embed(x).dtype == torch.get_default_dtype()
    with pytest.raises(TypeError, match="no classes"):
        _ = circle.points
    with pytest.raises(AssertionError):
        check_embedding(circle, x + 2.0)
    with pytest.raises(TypeError, match="no width"):
        Exact(PROCESS, Points(x, torch.ones(4) / 4, torch.ones(4)))(torch.zeros(1, 2), torch.tensor(0.5))
    assert_same(circle.embed(x), circle.embed(x + 2.0), atol=1e-12)
