"""What all families of Bayesian flow share: their bound, their path, their steps and their ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from geodrift.embeddings import Identity
from geodrift.errors import InputError
from geodrift.kernel import Evidence
from geodrift.parametrization import Data, Karras, Linear, Noise, V, Velocity
from geodrift.prediction import Belief, Estimate, Located
from geodrift.processes import Affine, Bayesian
from geodrift.processes.accuracy import Accuracy, Entropy, Exponential, Quadratic
from geodrift.processes.families import Categorical, Family, Gaussian
from geodrift.processes.periodic import Bins, Periodic, polar, turn
from geodrift.processes.process import Draw
from geodrift.registry import Role
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.schedules import Schedule
from geodrift.solvers import Ancestral, EulerMaruyama, Solver, Strang, heun
from geodrift.testing import Exact, Points, assert_same, check_accuracy, kolmogorov_smirnov
from geodrift.von_mises import resultant

FAMILIES = [Gaussian(), Categorical(3), Periodic(2.0), Periodic(2.0, Bins(16))]


def hermite(count: int) -> tuple[Tensor, Tensor]:
    """Nodes `(count², 2)` and weights of the standard normal law in the plane."""
    jacobi = torch.diag(torch.sqrt(torch.arange(1.0, count)), 1)
    nodes, vectors = torch.linalg.eigh(jacobi + jacobi.T)
    each = torch.square(vectors[0])
    return torch.cartesian_prod(nodes, nodes), torch.outer(each, each).flatten()


def data(family: Family, count: int) -> Tensor:
    return torch.arange(count) % 3 if isinstance(family, Categorical) else torch.linspace(0, 1.9, count)


def answer(process: Bayesian, p: Any, z: Tensor, t: Tensor) -> Tensor:
    """The output of a network that means the prediction."""
    if isinstance(process.family, Categorical):
        return torch.as_tensor(p.log_probs)
    direction, length = polar(z)
    mean, a = process.mean(p), resultant(torch.sqrt(process.rho(t)) * length)
    inner = (1 - torch.square(mean).sum(-1, keepdim=True)).clamp(min=1e-14)
    g = turn(direction * torch.tensor([1.0, -1.0]), mean * torch.rsqrt(inner))
    return g - torch.stack((a * torch.rsqrt(1 - a**2), 0 * a), -1)


def test_accuracies(accuracy: Accuracy) -> None:
    check_accuracy(accuracy)


def test_laws_notice_a_wrong_accuracy() -> None:
    class Losing(Accuracy):
        def rho(self, t: Tensor) -> Tensor:
            return torch.sin(3 * (1 - t))

    with pytest.raises(AssertionError, match="lost"):
        check_accuracy(Losing())


@pytest.mark.parametrize(
    ("family", "points", "weights"),
    [(Categorical(2), torch.arange(2), [0.3, 0.7]), (Periodic(), torch.tensor([0.1, 0.45, 0.7]), [0.2, 0.5, 0.3])],
    ids=["classes", "circle"],
)
def test_the_loss_is_the_likelihood(family: Family, points: Tensor, weights: list[float]) -> None:
    """Over all times the loss of the exact mean is the information received; with what is left, the entropy of x."""
    process, law = Bayesian(family, Quadratic(2.5)), Points(points, torch.tensor(weights))
    exact, (noise, each) = Exact(process, law), hermite(40)
    chances = torch.outer(law.weights, each).flatten()
    x, n = points.repeat_interleave(len(each)), noise.repeat(len(points), 1)
    nodes, steps = gauss_legendre(16)
    received = torch.zeros(())
    for t, step in zip(nodes, steps, strict=True):
        draw = process.corrupt(x, t, Streams.of(0, 1), n)
        received += step * (chances * process.loss(answer(process, exact(draw.z, t), draw.z, t), draw)).sum()
    end = exact(process.corrupt(x, torch.zeros(()), Streams.of(0, 1), n).z, torch.zeros(()))
    left = (chances * torch.special.entr(end.probs).sum(-1)).sum()
    torch.testing.assert_close(received + left, -(law.weights * torch.log(law.weights)).sum(), rtol=1e-6, atol=0)
    assert received > 0.1


def gauss_legendre(count: int) -> tuple[Tensor, Tensor]:
    """Nodes in (0, 1) and weights."""
    k = torch.arange(1.0, count)
    beta = k / torch.sqrt(4 * k**2 - 1)
    nodes, vectors = torch.linalg.eigh(torch.diag(beta, 1) + torch.diag(beta, -1))
    return (nodes + 1) / 2, torch.square(vectors[0])


@pytest.mark.parametrize("family", [Categorical(2), Periodic()], ids=["classes", "circle"])
def test_the_loss_is_the_limit_of_the_discrete_bound(family: Family) -> None:
    """n KL(sender | receiver) for one of n small steps, against a receiver that expects a law of three points."""
    process, t, n = Bayesian(family, Quadratic(4.0)), torch.tensor(0.4), 20000
    circle = Periodic().embedding.embed(torch.tensor([0.1, 0.3, 0.8]))
    points = circle if isinstance(family, Periodic) else process.family.embedding.points[[0, 1, 1]]
    probs, e = torch.tensor([0.2, 0.5, 0.3]), points[1]
    root, then = (torch.sqrt(process.rho(u)) for u in (t, t - 1 / n))
    noise, weights = hermite(20)
    base, std = torch.zeros(2), torch.sqrt(1 - (root / then) ** 2)
    known, mixed = (
        Evidence(base, points, law, then - root**2 / then, std) for law in (torch.tensor([0.0, 1.0, 0.0]), probs)
    )
    sent = known.gain * e + std * noise
    divergence = (weights * (known.log_prob(sent) - mixed.log_prob(sent))).sum()
    z = torch.tensor([[0.3, -0.8]])
    belief = Located(torch.log(probs)[None], points) if isinstance(family, Periodic) else None
    plain = Belief(torch.log(torch.tensor([[0.2, 0.8]])))
    loss = process.loss(answer(process, belief or plain, z, t), Draw(z, e[None], z, t))
    torch.testing.assert_close(n * divergence[None], loss, rtol=2e-3, atol=0)


@dataclass(frozen=True)
class Published(Schedule):
    """The Gaussian Bayesian flow as it was published: mean gamma x, variance gamma (1 - gamma).

    At the source both are zero, which `Affine` refuses: there the least spread is allowed.
    """

    least: float

    def alpha(self, t: Tensor) -> Tensor:
        return 1 - self.least ** (2 * (1 - t))

    def sigma(self, t: Tensor) -> Tensor:
        return torch.sqrt(self.alpha(t) * (1 - self.alpha(t))).clamp(min=1e-5)


@pytest.mark.parametrize("parametrization", [Data(), Karras(1.0), V()], ids=repr)
def test_the_gaussian_flow_is_the_published_one(parametrization: Linear) -> None:
    """States, steps, velocities and losses, in the coordinates of the belief's mean."""
    process = Bayesian(Gaussian(parametrization), Exponential(0.03))
    published = Affine(Published(0.03), parametrization=Data())
    t, s, x, n = torch.tensor(0.6), torch.tensor(0.35), torch.tensor([0.7, -1.1]), torch.tensor([0.4, 1.3])
    draw, path = process.corrupt(x, t, Streams.of(0, 2), n), published.corrupt(x, t, Streams.of(0, 2), n)
    mean, scale = process.inputs(draw.z, t), torch.sqrt(process.rho(s)) / (1 + process.rho(s))
    torch.testing.assert_close(mean, path.z)
    raw = parametrization.row(process.at(t, draw.z)).of(x + 0.1, n - 0.1 * torch.sqrt(process.rho(t)))
    p, there = process.resolve(raw, draw.z, t), published.resolve(x + 0.1, path.z, t)
    for eta in (0.0, 0.5, 1.0):
        law, other = process.kernel(p, draw.z, t, s, eta), published.kernel(there, path.z, t, s, eta)
        torch.testing.assert_close(scale * law.mean, other.mean)
        torch.testing.assert_close(scale * law.std, other.std)
    gained = process.rho(s) - process.rho(t)
    update = (1 + process.rho(t)) * mean + gained * (x + 0.1)
    torch.testing.assert_close(scale * process.kernel(p, draw.z, t, s).mean, update / (1 + process.rho(s)))
    loss = -torch.log(torch.tensor(0.03)) * 0.03 ** (-2 * (1 - t)) * torch.square(x - p.x)
    torch.testing.assert_close(process.loss(raw, draw), loss)


def test_a_bayesian_flow_is_an_affine_path(accuracy: Accuracy) -> None:
    """Every map that a solver uses is that of the affine path with signal sqrt(rho) and unit noise."""
    process, t, s = Bayesian(Gaussian(), accuracy), torch.tensor(0.6), torch.tensor(0.35)
    affine, law = Affine(process.schedule, Identity(), Data()), mixture()
    z = process.corrupt(law.sample(Streams.of(0, 8), 8), t, Streams.of(1, 8)).z
    p = Exact(process, law)(z, t)
    assert_same(p, Exact(affine, law)(z, t))
    for name in ("velocity", "score"):
        assert_same(getattr(process, name)(p, z, t), getattr(affine, name)(p, z, t), rtol=1e-12)
    assert_same(process.diffusion(z, t), affine.diffusion(z, t))
    assert_same(process.noise_std(z, t), affine.noise_std(z, t))
    assert_same(process.reverse_linear(z, t, s), affine.reverse_linear(z, t, s), rtol=1e-12)
    for eta in (0.0, 0.5, 1.0):
        assert_same(process.kernel(p, z, t, s, eta), affine.kernel(p, z, t, s, eta), rtol=1e-12)


def mixture() -> Points:
    return Points(torch.tensor([[-1.0], [1.2]]), torch.tensor([0.35, 0.65]), torch.tensor([0.2, 0.2]))


def test_samples_of_a_mixture(accuracy: Accuracy) -> None:
    n, exact = 4000, Exact(Bayesian(Gaussian(), accuracy), mixture())
    x = sample(exact, torch.zeros(n, 1), Ancestral(), Streams.of(0, n), steps=150)
    assert abs(float((x > 0).double().mean()) - 0.65) < 0.025
    if not isinstance(accuracy, Quadratic):  # three units of evidence do not tell a width of 0.2
        near = torch.minimum((x - 1.2).abs(), (x + 1).abs()) / 0.2
        assert kolmogorov_smirnov(near, lambda v: 2 * torch.special.ndtr(v) - 1) < 3


@pytest.mark.parametrize("family", FAMILIES, ids=repr)
def test_everything_is_finite_at_the_ends(family: Family, accuracy: Accuracy) -> None:
    """With no evidence, with all of it, where a state is zero, as padding is, and for the gradient of the loss."""
    process, x = Bayesian(family, accuracy), data(family, 6)
    for t in (torch.ones(()), torch.zeros(()), torch.linspace(0, 1, 6)):
        draw = process.corrupt(x, t, Streams.of(0, 6))
        draw.z[2] = 0
        seen = process.inputs(draw.z, t)
        raw = torch.randn(6, *process.channels[1:], generator=torch.Generator().manual_seed(0))
        raw = (raw[:, 0] if isinstance(family, Gaussian) else raw).requires_grad_()
        loss = process.loss(raw, draw)
        (gradient,) = torch.autograd.grad(loss.sum(), raw)
        p = process.resolve(raw.detach(), draw.z, t)
        start = [process.kernel(p, draw.z, torch.ones(()), torch.tensor(0.9), eta) for eta in (0.0, 1.0)]
        found = [draw.z, seen, loss, gradient, process.mean(p), *(law.sample(Streams.of(1, 6)) for law in start)]
        assert all(bool(torch.isfinite(v).all()) for v in found)
        assert loss.shape == x.shape
        assert process.finish(p, draw.z, Streams.of(2, 6)).shape == x.shape


@pytest.mark.parametrize("solver", [heun(), EulerMaruyama()], ids=repr)
@pytest.mark.parametrize("accuracy", [Entropy(), Exponential()], ids=repr)
def test_an_infinite_velocity_is_refused(accuracy: Accuracy, solver: Solver) -> None:
    process = Bayesian(Gaussian(), accuracy)
    with pytest.raises(InputError, match=r"infinite at the source .* ancestral"):
        solver.admit(process, torch.tensor([1.0, 0.5]))
    solver.admit(process, torch.tensor([0.9, 0.5]))
    solver.admit(Bayesian(Gaussian(), Quadratic()), torch.tensor([1.0, 0.5]))


def test_other_refusals() -> None:
    with pytest.raises(InputError, match="at the source"):
        Strang().admit(Bayesian(Gaussian(), Quadratic()), torch.ones(1))
    for row, accuracy in ((Noise(), Quadratic()), (Velocity(), Exponential())):
        with pytest.raises(InputError, match="no evidence"):
            Bayesian(Gaussian(row), accuracy)
    Bayesian(Gaussian(Velocity()), Quadratic())
    with pytest.raises(InputError, match="below one"):
        Exponential(1.5)


def test_accuracies_are_built_from_a_config() -> None:
    from geodrift.processes.accuracy import accuracies

    assert isinstance(accuracies, Role)
    assert accuracies.build({"kind": "entropy", "total": 50.0}) == Entropy(50.0)
    with pytest.raises(InputError):
        accuracies.build({"kind": "exponential", "sigma": -1.0})


def test_beliefs_about_points_are_guided_and_sharpened_in_place() -> None:
    points = torch.randn(2, 3, 2, generator=torch.Generator().manual_seed(0))
    base, ahead = (Located(torch.log(torch.tensor([p, p])), points) for p in ([0.5, 0.3, 0.2], [0.2, 0.2, 0.6]))
    guided, plain = ahead.extrapolate(base, 2.0), Belief(ahead.log_probs).extrapolate(Belief(base.log_probs), 2.0)
    assert isinstance(guided, Located)
    assert torch.equal(guided.log_probs, plain.log_probs)
    assert torch.equal(guided.points, points)
    assert torch.equal(ahead.tempered(0.5).log_probs, Belief(ahead.log_probs).tempered(0.5).log_probs)
    assert isinstance(ahead.tempered(0.5), Located)
    process = Bayesian(Periodic(), Quadratic())
    torch.testing.assert_close(process.mean(ahead), 0.2 * points[:, 0] + 0.2 * points[:, 1] + 0.6 * points[:, 2])
    assert isinstance(process.resolve(torch.zeros(2, 2), points[:, 0], torch.tensor(0.5)), Estimate)
