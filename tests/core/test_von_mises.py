"""Laws of the von Mises law and of the published flow that is made of its observations."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from geodrift.errors import InputError
from geodrift.layout import Padded
from geodrift.prediction import Estimate, Located
from geodrift.processes import Product
from geodrift.processes.periodic import on_circle, polar
from geodrift.processes.senders import table
from geodrift.processes.von_mises import Sender, VonMisesFlow
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.solvers import Ancestral, heun
from geodrift.solvers.grids import Power
from geodrift.state import State
from geodrift.testing import Exact, Points, assert_batch_invariant, assert_same, chi_square, kolmogorov_smirnov, ragged
from geodrift.von_mises import VonMises, draw, entropy, resultant, wrap

TURN = 2 * math.pi
ATOMS, WEIGHTS = torch.tensor([-2.0, 0.3, 1.9]).double().remainder(TURN), torch.tensor([0.5, 0.3, 0.2]).double()
CIRCLE = (torch.arange(4000, dtype=torch.float64) + 0.5) / 4000 * TURN - math.pi


@pytest.mark.parametrize("c", [0.0, 1e-6, 0.3, 5.0, 540.0, 1e4])
def test_samples_have_the_law(c: float) -> None:
    """From no concentration to one where the law is normal."""
    n = 20000
    x = VonMises(torch.zeros(n), torch.tensor(c)).sample(Streams.of(0, n))
    width = min(math.pi, 8 / math.sqrt(c + 1e-12))
    edges = torch.linspace(-width, width, 20001)
    density = torch.exp(VonMises(torch.zeros(()), torch.tensor(c)).log_prob((edges[1:] + edges[:-1]) / 2))
    cdf = torch.cat([torch.zeros(1), torch.cumsum(density, 0) * (edges[1] - edges[0])])
    assert float(cdf[-1]) == pytest.approx(1, abs=1e-7)

    def level(v: Tensor) -> Tensor:
        place = ((v + width) / (2 * width) * 20000).clamp(0, 20000)
        low = place.floor().long().clamp(max=19999)
        return cdf[low] + (place - low) * (cdf[low + 1] - cdf[low])

    assert kolmogorov_smirnov(x, level) < 3
    assert bool(((x >= -math.pi) & (x < math.pi)).all())


def test_density_and_divergence() -> None:
    m, c = torch.tensor([0.3, -2.9, 1.0]), torch.tensor([0.2, 7.0, 40.0])
    law, other = VonMises(m, c), VonMises(torch.tensor([0.5, 2.9, 0.9]), torch.tensor([3.0, 5.0, 60.0]))
    reference = torch.distributions.VonMises(m, c)
    torch.testing.assert_close(law.log_prob(m + 0.7), reference.log_prob(m + 0.7), rtol=1e-6, atol=1e-6)
    x = CIRCLE[:, None]
    density = torch.exp(law.log_prob(x))
    apart = (density * (law.log_prob(x) - other.log_prob(x))).mean(0) * TURN
    torch.testing.assert_close(law.kl(other), apart, rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(law.kl(law), torch.zeros(3))
    same = VonMises(m + 0.4, c)
    torch.testing.assert_close(law.kl(same), c * resultant(c) * (1 - math.cos(0.4)))
    torch.testing.assert_close((density * torch.cos(x - m)).mean(0) * TURN, resultant(c))
    torch.testing.assert_close(-(density * law.log_prob(x)).mean(0) * TURN, entropy(c))
    assert law.mode is m


def test_the_divergence_of_small_observations_is_the_continuous_loss() -> None:
    """a A(a) (1 - cos) for a²/2 of accuracy: second order in a."""
    a = torch.tensor([0.2, 0.1])
    divergence = VonMises(torch.zeros(2), a).kl(VonMises(torch.full((2,), 0.7), a))
    error = (divergence / (a**2 / 2 * (1 - math.cos(0.7))) - 1).abs().tolist()
    assert error[0] < 0.01
    assert error[0] / error[1] == pytest.approx(4, rel=0.05)


def test_a_draw_does_not_depend_on_its_batch() -> None:
    """However many candidates its batch mates need; and what is drawn next does not either."""
    c = torch.tensor([0.0, 0.5, 3.0, 50.0, 1e4, 1.0, 2.0, 9.0])[:, None].expand(8, 5)

    def drawn(index: Tensor) -> Tensor:
        rng = Streams.of(0, index)
        return torch.cat([draw(c[index], rng), rng.uniform(c[index])], 1)

    assert_batch_invariant(drawn, 8)
    broken = draw(torch.tensor([1.0, torch.nan]), Streams.of(0, 2))
    assert torch.isnan(broken).tolist() == [False, True], "and it ends"
    assert VonMises(torch.zeros(8, 5, dtype=torch.float32), c.float()).sample(Streams.of(0, 8)).dtype == torch.float32


def test_accuracies_of_the_senders() -> None:
    """The published ones (found there with 10⁵ samples), and their equations for many steps."""
    published = torch.tensor([1.478, 1.587, 2.627, 5.385]), torch.tensor([114.7, 248.6, 539.0])
    found = torch.from_numpy(table(10, 1000.0))
    torch.testing.assert_close(found[:4], published[0], rtol=1e-3, atol=0)
    torch.testing.assert_close(found[-3:], published[1], rtol=1e-3, atol=0)
    many = torch.from_numpy(table(300, 1000.0))
    assert float((many * resultant(many)).sum()) == pytest.approx(996.5, abs=1)
    share = torch.arange(1, 301) / 300
    level, before = (1 - share) * math.log(TURN) + share * entropy(torch.tensor(1000.0)), torch.zeros(())
    for i in range(300):
        y = VonMises(torch.zeros(()), many[i]).log_prob(CIRCLE).exp() / 4000 * TURN
        after = (y * torch.hypot(before + many[i] * torch.cos(CIRCLE), many[i] * torch.sin(CIRCLE))).sum()
        assert float(entropy(after)) == pytest.approx(float(level[i]), abs=1e-8)
        before = after


def test_the_state_is_the_sum_of_its_senders() -> None:
    """Drawn at once or step by step: mean, spread and belief."""
    process, n, x = VonMisesFlow(20, 1000.0, TURN), 20000, 1.0
    data, times = torch.full((n,), x), 1 - torch.arange(8) / 20
    z, truth = process.prior(data, Streams.of(5, n)), Estimate(process.embedding.embed(data), torch.zeros(n, 2))
    rng = Streams.of(1, n)
    for i in range(7):
        z = process.kernel(truth, z, times[i], times[i + 1]).sample(rng)
    once = process.corrupt(data, times[7], Streams.of(0, n)).z
    accuracy = torch.from_numpy(table(20, 1000.0))[:7]
    mean = (accuracy * resultant(accuracy)).sum() * on_circle(torch.tensor(x))
    for state in (z, once):
        torch.testing.assert_close(state.mean(0), mean, atol=0.12, rtol=0)
    assert float(z.norm(dim=1).std()) == pytest.approx(float(once.norm(dim=1).std()), rel=0.03)
    direction, c = polar(once)
    gap = (direction * process.embedding.embed(data)).sum(1) - resultant(c)
    assert float(gap.mean().abs() / gap.std()) * n**0.5 < 3.5, "the belief says how sure it is"


def test_times_are_steps() -> None:
    process = VonMisesFlow(10)
    assert process.received(torch.tensor([1.0, 0.95, 0.9, 0.85, 0.1, 0.05, 0.0])).tolist() == [0, 0, 1, 1, 9, 9, 9]
    none = process.corrupt(torch.zeros(1000), torch.ones(()), Streams.of(0, 1000)).z
    direction, length = polar(none)
    assert float(length.max()) < 1e-8
    assert kolmogorov_smirnov(torch.atan2(direction[:, 1], direction[:, 0]), lambda v: (v + math.pi) / TURN) < 3
    like = torch.zeros(2, 1)
    exact = Exact(process, Points(torch.tensor([[0.2], [0.7]]), torch.ones(2) / 2))
    for steps, grid in ((7, None), (10, Power(2.0))):
        with pytest.raises(InputError, match="10 equal steps"):
            sample(exact, like, Ancestral(), Streams.of(0, 2), steps=steps, grid=grid)
    with pytest.raises(InputError, match="real fields"):
        sample(exact, like, heun(), Streams.of(0, 2), steps=10)


def test_loss_is_the_divergence_of_a_step() -> None:
    process, n = VonMisesFlow(10), 6
    x, t = torch.linspace(0, 0.9, n), torch.linspace(0.05, 1, n)
    draw, raw = process.corrupt(x, t, Streams.of(0, n)), torch.linspace(-1, 2, n)[:, None]
    told = torch.atan2(*process.resolve(raw, draw.z, t).x.flip(-1).unbind(-1))
    accuracy = torch.from_numpy(table(10, 1000.0))[process.received(t)]
    divergence = VonMises(TURN * x, accuracy).kl(VonMises(told, accuracy))
    torch.testing.assert_close(process.loss(raw, draw), 10 * divergence)
    direction = torch.atan2(*polar(draw.z)[0].flip(-1).unbind(-1))
    torch.testing.assert_close(wrap(told - direction), raw[:, 0])
    seen = process.inputs(draw.z, t)
    torch.testing.assert_close(seen[:, 2], torch.log1p(draw.z.norm(dim=1)) / math.log(1001.0))


def test_density_of_a_step() -> None:
    z, points = torch.tensor([0.4, -0.3]), on_circle(torch.tensor([0.1, 2.0, -2.5]))
    law = Sender(z, points, torch.tensor([0.5, 0.2, 0.3]), torch.tensor(3.0))
    density = torch.exp(law.log_prob(z + 3.0 * on_circle(CIRCLE)))
    assert float(density.mean() * TURN) == pytest.approx(1, abs=1e-12)
    torch.testing.assert_close(law.mode, z + 3.0 * points[0])
    batch = Sender(z.expand(5000, 2), points, law.probs.expand(5000, 3), law.accuracy)
    y = (batch.sample(Streams.of(0, 5000)) - z) / 3.0
    torch.testing.assert_close(y.mean(0), resultant(law.accuracy) * law.probs @ points, atol=0.03, rtol=0)
    torch.testing.assert_close(y.norm(dim=1), torch.ones(5000))
    with pytest.raises(TypeError, match="closed form"):
        law.kl(law)


class Angle:
    """An exact denoiser that tells the mean direction alone, as the published one does."""

    def __init__(self, exact: Exact) -> None:
        self.exact, self.process = exact, exact.process

    def __call__(self, z: Tensor, t: Tensor, cond: Any = None) -> Estimate:
        p: Located = self.exact(z, t)
        mean = polar(torch.einsum("...k,...kd->...d", p.probs, p.points))[0]
        return Estimate(mean, torch.zeros_like(mean))


@pytest.mark.parametrize("steps", [10, 50])
def test_a_drawn_angle_is_exact_and_the_mean_angle_is_biased(steps: int) -> None:
    n = 20000
    exact = Exact(VonMisesFlow(steps, 1000.0, TURN), Points(ATOMS[:, None], WEIGHTS))

    def shares(denoise: Any) -> Tensor:
        x = sample(denoise, torch.zeros(n, 1), Ancestral(), Streams.of(0, n), steps=steps)
        return torch.bincount(wrap(x - ATOMS).abs().argmin(-1), minlength=3) / n

    assert chi_square(n * shares(exact), WEIGHTS) < 3
    biased = (shares(Angle(exact)) - WEIGHTS).abs().sum() / 2
    assert float(biased) == pytest.approx({10: 0.234, 50: 0.086}[steps], abs=0.02)


def test_batches_and_layouts() -> None:
    process = Product({"angles": VonMisesFlow(5)})
    lengths, values = torch.tensor([3, 1, 2]), torch.rand(3, 3, generator=torch.Generator().manual_seed(0))
    x, t = State({"angles": values}, {"angles": Padded.of(lengths)}).masked(), torch.tensor([0.9, 0.5, 0.1])
    padded, packed = (process.corrupt(state, t, Streams.of(0, 3)) for state in (x, ragged(x)))
    assert_same(dict(ragged(padded.z)), dict(packed.z))
    exact = Exact(process, Points(State({"angles": ATOMS[:, None] / TURN}), WEIGHTS))
    like = State({"angles": torch.zeros(4, 1)})

    def drawn(index: Tensor) -> State:
        state: State = sample(exact, like.map(lambda v: v[index]), Ancestral(), Streams.of(3, index), steps=5)
        return state

    assert_batch_invariant(drawn, 4)
