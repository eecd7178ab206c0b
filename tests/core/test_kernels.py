"""Laws of the transition laws, against torch.distributions and enumeration."""

from __future__ import annotations

import torch
from torch.distributions import Categorical as Classes
from torch.distributions import Normal, kl_divergence

from geodrift.kernel import Categorical, Delta, Evidence, Gaussian, Joint
from geodrift.layout import Padded
from geodrift.rng import Streams
from geodrift.state import State
from geodrift.testing import chi_square, kolmogorov_smirnov

GENERATOR = torch.Generator().manual_seed(0)
A, B = torch.rand(2, 4, 3, generator=GENERATOR, dtype=torch.float64) + 0.1


def test_gaussian() -> None:
    law, other = Gaussian(A, B), Gaussian(B, A)
    torch.testing.assert_close(law.log_prob(B), Normal(A, B).log_prob(B))
    torch.testing.assert_close(law.kl(other), kl_divergence(Normal(A, B), Normal(B, A)))
    assert torch.equal(law.mode, A)
    wide = Gaussian(torch.full((20000, 1), 2.0), torch.tensor(0.5))
    assert kolmogorov_smirnov((wide.sample(Streams.of(0, 20000)) - 2) / 0.5, torch.special.ndtr) < 3
    still = Gaussian(A, torch.tensor(0.0))
    assert torch.equal(still.sample(Streams.of(0, 4)), A)


def test_categorical() -> None:
    p, q = (v / v.sum(-1, keepdim=True) for v in (A, B))
    law, z = Categorical(p), torch.tensor([0, 2, 1, 1])
    torch.testing.assert_close(law.log_prob(z), Classes(p).log_prob(z))
    torch.testing.assert_close(law.kl(Categorical(q)), kl_divergence(Classes(p), Classes(q)))
    assert torch.equal(law.mode, p.argmax(-1))
    drawn = Categorical(p[0].expand(20000, -1)).sample(Streams.of(0, 20000))
    assert chi_square(torch.bincount(drawn, minlength=3).double(), p[0]) < 3
    sure = Categorical(torch.tensor([[1.0, 0.0]]))
    assert sure.kl(sure) == 0
    assert sure.log_prob(torch.tensor([1])) == -torch.inf


def test_delta() -> None:
    law = Delta(A)
    assert torch.equal(law.sample(Streams.of(0, 4)), A)
    assert torch.equal(law.mode, A)
    assert torch.all(law.log_prob(A) == 0)
    assert torch.all(law.log_prob(B) == -torch.inf)
    assert torch.all(law.kl(law) == 0)
    assert torch.all(law.kl(Delta(B)) == torch.inf)


def test_evidence_has_the_moments_of_its_mixture() -> None:
    n, probs, a, std = 40000, torch.tensor([0.2, 0.5, 0.3]), torch.tensor(1.7), torch.tensor(0.6)
    points = torch.tensor([[1.0, 0.3], [-0.5, -0.8], [0.2, 0.0]])
    law = Evidence(torch.ones(n, 2), points, probs.expand(n, -1), a, std)
    z = law.sample(Streams.of(0, n)) - 1
    torch.testing.assert_close(z.mean(0), a * probs @ points, atol=0.02, rtol=0)
    spread = points.T @ (torch.diag(probs) - torch.outer(probs, probs)) @ points
    torch.testing.assert_close(torch.cov(z.T), std**2 * torch.eye(2) + a**2 * spread, atol=0.03, rtol=0)
    torch.testing.assert_close(law.mode[0], 1 + a * points[1])


def test_evidence_with_points_of_its_own_is_that_with_shared_ones() -> None:
    probs, points = torch.tensor([[0.2, 0.5, 0.3]]).expand(50, -1), A[:3, :2]
    arguments = (torch.zeros(50, 2), probs, torch.tensor(1.7), torch.tensor(0.6))
    shared, own = (Evidence(arguments[0], e, *arguments[1:]) for e in (points, points.expand(50, 3, 2)))
    z = shared.sample(Streams.of(0, 50))
    torch.testing.assert_close(own.sample(Streams.of(0, 50)), z, rtol=0, atol=0)
    torch.testing.assert_close(own.log_prob(z), shared.log_prob(z))


def test_joint_is_the_product_of_its_parts() -> None:
    """Samples are masked, numbers of different fields differ, log-probabilities count what exists."""
    present = Padded.of(torch.tensor([3, 2, 0, 1]), 3)
    like = State({"a": A, "b": A}, {"a": present, "b": present})
    law = Joint({"a": Gaussian(A, torch.tensor(1.0)), "b": Gaussian(A, torch.tensor(1.0))}, like)
    z = law.sample(Streams.of(0, 4))
    assert torch.equal(z["a"], z.masked()["a"])
    assert torch.all(z["a"][2] == 0)
    assert torch.all(law.mode["a"][2] == 0)
    assert torch.all(z["a"][0] != z["b"][0])
    density = Normal(A, 1.0).log_prob(z["a"]) + Normal(A, 1.0).log_prob(z["b"])
    torch.testing.assert_close(law.log_prob(z), torch.where(present.present, density, 0.0).sum(1))
    shifted = Joint({"a": Gaussian(A + 1, torch.tensor(1.0)), "b": law.parts["b"]}, like)
    torch.testing.assert_close(law.kl(shifted), torch.tensor([3.0, 2.0, 0.0, 1.0]) / 2)
