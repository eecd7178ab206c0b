"""Laws of the sources, and PFGM++: the flow of a Student-t kernel."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from scipy.optimize import linear_sum_assignment
from scipy.stats import f
from scipy.stats import t as student_t
from torch import Tensor

from geodrift.errors import InputError
from geodrift.layout import Padded
from geodrift.prediction import Estimate
from geodrift.processes import Affine, Product
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.schedules import EDM, VP, Rectified
from geodrift.solvers import S4, Ancestral, EulerMaruyama, PredictorCorrector, Solver, Strang, heun
from geodrift.solvers.grids import Karras
from geodrift.sources import Empirical, Normal, Source, StudentT, Uniform, sources
from geodrift.state import State
from geodrift.testing import Exact, ExactStudentT, Points, assert_batch_invariant, kolmogorov_smirnov, ragged


@pytest.mark.parametrize("kind", sources.kinds)
def test_a_sample_depends_on_its_seed_and_index_alone(kind: str) -> None:
    source: Source = sources.build(kind)
    assert_batch_invariant(lambda index: source.sample(torch.zeros(len(index), 3), Streams.of(0, index)), 6)
    assert source.sample(torch.zeros(2, 3, dtype=torch.float32), Streams.of(0, 2)).dtype == torch.float32


@pytest.mark.parametrize(("entries", "freedom"), [(1, 1.0), (2, 1.0), (5, 3.0), (5, 128.0), (40, 2048.0)])
def test_student_t_has_its_law(entries: int, freedom: float) -> None:
    """Each entry is a t number; the squared radius, over the number of entries, has Fisher's law."""
    n = StudentT(freedom).sample(torch.empty(20_000, entries), Streams.of(2, 20_000))
    cdf = {"entry": student_t(freedom).cdf, "radius": f(entries, freedom).cdf}
    values = {"entry": n[:, 0], "radius": n.square().mean(1)}
    for name, value in values.items():
        assert kolmogorov_smirnov(value, lambda v, law=cdf[name]: torch.as_tensor(law(v.numpy()))) < 3


def test_student_t_of_much_freedom_is_normal_and_its_radius_is_never_cut() -> None:
    many = StudentT(1e8).sample(torch.empty(20_000, 1), Streams.of(0, 20_000))
    assert kolmogorov_smirnov(many, torch.special.ndtr) < 3
    large = StudentT(128.0).sample(torch.empty(4, 500_000), Streams.of(1, 4))  # 0.12 of this with a clipped Beta
    assert torch.all((large.square().mean(1).sqrt() - 1).abs() < 0.3)
    torch.testing.assert_close(StudentT(64.0).radius(torch.tensor(0.5)), torch.tensor(4.0))


def test_one_radius_for_all_entries_of_a_sample() -> None:
    """Padded or ragged, the elements of a sample share the chi square, and no one else does."""
    layout = Padded.of(torch.tensor([3, 1, 2]))
    padded = State({"a": torch.zeros(3, 3, 2)}, {"a": layout})
    process = Product({"a": Affine(EDM(1.0), source=StudentT(1.0))})
    wide, flat = (process.prior(x, Streams.of(5, 3)) for x in (padded, ragged(padded)))
    torch.testing.assert_close(wide["a"][layout.present], flat["a"])
    normal = Product({"a": Affine(EDM(1.0), source=Fixed())})
    radius = wide["a"] / normal.prior(padded, Streams.of(5, 3))["a"]
    torch.testing.assert_close(radius[0], radius[0, :1, :1].expand(3, 2))
    assert (radius[0, 0, 0] - radius[2, 0, 0]).abs() > 0.01


class Fixed(Source):
    """The normal numbers behind `StudentT`."""

    def sample(self, like: Tensor, rng: Streams) -> Tensor:
        rng.shared()
        return rng.normal(like)


def test_uniform_and_stored_samples_have_their_laws() -> None:
    n = Uniform(2.0, 5.0).sample(torch.empty(20_000, 1), Streams.of(0, 20_000))
    assert kolmogorov_smirnov(n, lambda v: ((v - 2) / 3).clamp(0, 1)) < 3
    points = torch.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    drawn = Empirical(points).sample(torch.empty(9000, 2), Streams.of(1, 9000))
    assert torch.all(torch.cdist(drawn, points).min(1)[0] == 0)
    shares = torch.stack([(drawn == point).all(1).double().mean() for point in points])
    torch.testing.assert_close(shares, torch.full((3,), 1 / 3), atol=0.02, rtol=0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: StudentT(math.inf), "normal source"),
        (lambda: sources.build({"kind": "student-t", "freedom": -1}), "greater than 0"),
        (lambda: Uniform(1.0, 1.0), "lower bound"),
        (lambda: Empirical(torch.zeros(3, 2)).sample(torch.zeros(4, 5), Streams.of(0, 4)), "store them alike"),
    ],
)
def test_bad_sources_are_refused(make: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        make()  # type: ignore[operator]


@pytest.mark.parametrize("solver", [EulerMaruyama(), PredictorCorrector(), S4(), Strang(), Ancestral()], ids=repr)
def test_without_a_normal_source_there_is_no_score(solver: Solver) -> None:
    process = Affine(EDM(), source=StudentT(64.0))
    with pytest.raises(InputError, match=r"no score|has none|is not"):
        solver.admit(process, torch.ones(1))
    with pytest.raises(InputError, match="no score"):
        process.score(Estimate(torch.ones(1), torch.ones(1)), torch.ones(1), torch.tensor(0.5))
    Ancestral(eta=0.0).admit(process, torch.ones(1))


@pytest.mark.parametrize("schedule", [EDM(5.0), VP(), Rectified()], ids=repr)
@pytest.mark.parametrize("freedom", [1.0, 2.0, 8.0, 128.0, 1e6])
def test_density_of_pfgm_moves_with_the_velocity(freedom: float, schedule: object) -> None:
    """The continuity equation with two atoms, divided by the density."""
    process = Affine(schedule, source=StudentT(freedom))  # type: ignore[arg-type]
    exact = ExactStudentT(process, Points(torch.tensor([[-1.0], [1.2]]), torch.tensor([0.35, 0.65])))
    t, h = torch.tensor(0.4), 1e-5
    z = torch.linspace(-6, 6, 61)[:, None].requires_grad_()
    velocity = process.velocity(exact(z, t), z, t)
    divergence = torch.autograd.grad(velocity.sum(), z, retain_graph=True)[0][:, 0]
    advection = (velocity * torch.autograd.grad(exact.log_prob(z, t).sum(), z)[0])[:, 0]
    change = (exact.log_prob(z, t + h) - exact.log_prob(z, t - h)) / (2 * h)
    scale = 1 + change.abs() + advection.abs() + divergence.abs()
    assert torch.all(((change + advection + divergence) / scale).detach().abs() < 1e-6)


def test_the_kernel_is_a_density_and_tends_to_the_normal_one() -> None:
    atom, grid = Points(torch.tensor([[0.5]]), torch.ones(1)), torch.linspace(-400, 400, 400_001)[:, None]
    exact = ExactStudentT(Affine(EDM(1.0), source=StudentT(3.0)), atom)
    mass = float(exact.log_prob(grid, torch.tensor(0.7)).exp().sum() * 800 / 400_000)
    assert mass == pytest.approx(1, abs=1e-5)
    with pytest.raises(TypeError, match="ExactStudentT"):
        Exact(exact.process, atom)(grid, torch.tensor(0.7))
    z, law = torch.linspace(-3, 3, 13)[:, None], Points(torch.tensor([[-1.0], [1.2]]), torch.tensor([0.4, 0.6]))
    limit = ExactStudentT(Affine(EDM(1.0), source=StudentT(1e8)), law)(z, 0.7)
    torch.testing.assert_close(limit.x, Exact(Affine(EDM(1.0)), law)(z, torch.tensor(0.7)).x, atol=1e-6, rtol=0)


CLOUD = torch.randn(200, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
COUNT = 1000


def distance(x: Tensor) -> float:
    """Wasserstein's distance W2 of samples from the cloud."""
    cost = torch.square(torch.cdist(x, CLOUD.repeat(COUNT // len(CLOUD), 1)))
    return math.sqrt(float(cost[linear_sum_assignment(cost.numpy())].mean()))


def pfgm(freedom: float, prior: Source, shake: float = 0.0) -> float:
    """The distance of 18 steps of Heun from a prior, the state shaken by a share of the noise before each."""
    exact = ExactStudentT(Affine(EDM(), source=StudentT(freedom)), Points(CLOUD, torch.full((200,), 1 / 200)))
    rng, times = Streams.of(3, COUNT), Karras()(18, Affine(EDM(10.0)))
    z = 80 * prior.sample(torch.zeros(COUNT, 2), rng)
    for t, s in pairwise(times):
        z, _ = heun().step(exact, z + shake * 80 * t * rng.normal(z), t, s, None, rng)
    return distance(exact(z, times[-1]).x)


def test_pfgm_reaches_the_data_from_its_own_prior_only() -> None:
    law = Points(CLOUD, torch.full((200,), 1 / 200))
    floor = sum(distance(law.sample(Streams.of(seed, COUNT), COUNT)) for seed in (5, 6, 7)) / 3
    assert pfgm(4.0, StudentT(4.0)) < 1.15 * floor
    assert pfgm(64.0, StudentT(64.0)) < 1.15 * floor
    assert pfgm(4.0, Normal()) > 1.35 * floor


def test_less_freedom_is_more_robust() -> None:
    assert pfgm(4.0, StudentT(4.0), 0.3) < 0.8 * pfgm(1e8, StudentT(1e8), 0.3)


def test_the_sampler_starts_pfgm_from_its_own_prior() -> None:
    law = Points(torch.tensor([[-1.0], [1.2]]), torch.tensor([0.35, 0.65]))
    exact = ExactStudentT(Affine(EDM(20.0), source=StudentT(2.0)), law)
    x = sample(exact, torch.zeros(2000, 1), heun(), Streams.of(0, 2000), steps=18, grid=Karras())
    assert torch.all((x + 1).abs().minimum((x - 1.2).abs()) < 1e-3)
    assert float((x > 0).double().mean()) == pytest.approx(0.65, abs=0.03)
