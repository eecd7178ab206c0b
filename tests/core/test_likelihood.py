"""The likelihood by the flow, against densities in closed form."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from geodrift.embeddings import OneHot
from geodrift.errors import InputError
from geodrift.layout import Padded
from geodrift.likelihood import ExactTrace, FlowLikelihood, Hutchinson, LogLikelihood, Normal, Pace, Rademacher
from geodrift.processes import Affine, Geodesic, Jump, Process, Product, Wrapped
from geodrift.rng import Streams
from geodrift.schedules import EDM, VE, VP, Cosine, Rectified, Schedule, SubVP
from geodrift.solvers.runge_kutta import HEUN, RK4
from geodrift.sources import Source
from geodrift.spaces import Sphere, Torus
from geodrift.state import State
from geodrift.testing import Counted, Exact, Points, assert_batch_invariant, assert_same, order, pick, ragged, widen

SCHEDULES = [VP(), SubVP(), VE(), EDM(), Rectified(), Cosine()]


def mixture(*shape: int) -> Points:
    """Two blurred points of this shape."""
    n = torch.arange(2 * torch.Size(shape).numel()).reshape(2, *shape)
    return Points(torch.cos(3.0 * n), torch.tensor([0.3, 0.7]), torch.tensor([0.45, 0.6]))


def density(law: Points, x: Tensor, noise: float) -> Tensor:
    """The log-density of the mixture after more normal noise, `(B,)`."""
    assert law.std is not None
    variance = torch.square(law.std) + noise**2
    gap = torch.square(x[:, None] - law.points).flatten(2).sum(-1)
    size = law.points[0].numel()
    return torch.logsumexp(law.weights.log() - gap / variance / 2 - size * torch.log(2 * torch.pi * variance) / 2, -1)


def measure(process: Process, law: Points, x: Any, **options: Any) -> LogLikelihood:
    exact = Exact(process, law)
    count = x.samples if isinstance(x, State) else len(x)
    return FlowLikelihood(**{"steps": 50, "prior": exact.log_prob, **options})(exact, x, Streams.of(0, count))


@pytest.mark.parametrize("shape", [(1,), (2,), (3,), (2, 1, 2)], ids=str)
@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_a_mixture_has_its_density(schedule: Schedule, shape: tuple[int, ...]) -> None:
    """Tensors of any rank, within 1e-4 nats."""
    law = mixture(*shape)
    x = law.sample(Streams.of(1, 12), 12)
    found = measure(Affine(schedule), law, x, steps=64)
    torch.testing.assert_close(found.nats, density(law, x, found.noise[""]), rtol=0, atol=1e-4)
    assert found.exact
    assert not found.error.any()
    assert found.noise[""] < 0.011


def test_the_source_instead_of_the_exact_marginal_costs_little() -> None:
    """What is left of the data at the source: 0.02 nats for VP, nothing where the path ends in noise alone."""
    law = mixture(2)
    x = law.sample(Streams.of(1, 20), 20)
    for schedule, most in ((VP(), 0.02), (Rectified(), 1e-5)):
        found = measure(Affine(schedule), law, x, prior=None)
        gap = (found.nats - density(law, x, found.noise[""])).abs().max()
        assert 1e-7 < float(gap) < most


@pytest.mark.parametrize(("table", "expected"), [(HEUN, 2), (RK4, 4)], ids=["heun", "rk4"])
def test_the_error_vanishes_with_the_order_of_the_method(table: Any, expected: int) -> None:
    law = mixture(2)
    x = law.sample(Streams.of(1, 8), 8)
    for schedule in (VP(), VE()):

        def error(steps: int, schedule: Schedule = schedule) -> float:
            found = measure(Affine(schedule), law, x, table=table, steps=steps)
            return float((found.nats - density(law, x, found.noise[""])).norm())

        assert order(error, (32, 64)) == pytest.approx(expected, abs=0.25)


def graph(layouts: dict[str, Any] | None = None) -> State:
    """Real nodes and edges of three graphs with three, one and two nodes."""
    n = torch.arange(18.0).reshape(3, 6)
    fields = {"nodes": torch.sin(n)[:, :, None].reshape(3, 3, 2), "edges": torch.cos(n[:, :3])[..., None]}
    given = {"nodes": Padded.of(torch.tensor([3, 1, 2])), "edges": Padded.of(torch.tensor([3, 0, 1]), 3)}
    return State(fields, layouts or given).masked()


GRAPHS = Product({"nodes": Affine(VP()), "edges": Affine(Rectified())})


class Coupled:
    """A velocity that joins all entries of a sample, without a closed form."""

    process = GRAPHS

    def __call__(self, z: State, t: Any, cond: Any = None) -> Any:
        mean = z.layouts["nodes"].sum(torch.sin(z["nodes"])) + z.layouts["edges"].sum(z["edges"] ** 2)
        raw = z.map(lambda v: 0.5 * torch.tanh(v))
        raw = State({name: v + 0.2 * z.layouts[name].expand(mean, v) for name, v in raw.items()}, z.layouts)
        return self.process.resolve(raw, z, t)


def spread(z: State, way: Any = None, **options: Any) -> LogLikelihood:
    return (way or FlowLikelihood(steps=6, **options))(Coupled(), z, Streams.of(0, z.samples))


def test_padding_is_ignored() -> None:
    x = graph()
    assert_same(spread(widen(x, {"nodes": 2, "edges": 1}, fill=7)).nats, spread(x).nats, atol=1e-10)
    assert_same(spread(ragged(x)).nats, spread(x).nats, atol=1e-10)


def test_a_sample_is_measured_alone() -> None:
    x = graph()
    assert_batch_invariant(lambda index: spread(pick(x, index)).nats, 3, atol=1e-10)


def test_one_prediction_a_stage_whatever_the_directions() -> None:
    counted = Counted(Coupled())
    FlowLikelihood(steps=5, divergence=ExactTrace(at_once=2))(counted, graph(), Streams.of(0, 3))
    assert counted.calls == 4 * 5


def test_directions_in_one_pass_change_nothing() -> None:
    few, all_ = (spread(graph(), divergence=ExactTrace(at_once=k)) for k in (1, 64))
    assert_same(few.nats, all_.nats, atol=1e-12)


def test_fields_add_up_where_they_are_independent_and_are_joint_where_not() -> None:
    """Two modes each; with the widths equal the product of two mixtures is a mixture of four."""
    a, b = torch.tensor([[-1.0], [1.2]]), torch.tensor([[0.5], [-0.8]])
    width, weights = torch.full((2,), 0.5), torch.tensor([0.4, 0.6])
    process = Product({"a": Affine(VP()), "b": Affine(Rectified())})
    x = State({"a": torch.tensor([[0.3], [-1.0]]), "b": torch.tensor([[0.1], [0.7]])})
    pairs = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]])
    points, both = State({"a": a[pairs[:, 0]], "b": b[pairs[:, 1]]}), weights[pairs].prod(-1)
    apart = measure(process, Points(points, both, width.repeat(2)), x).nats
    alone = sum(
        measure(Affine(path), Points(modes, weights, width), x[name]).nats
        for name, modes, path in (("a", a, VP()), ("b", b, Rectified()))
    )
    torch.testing.assert_close(apart, alone, rtol=0, atol=1e-5)
    joint = measure(process, Points(State({"a": a, "b": b}), weights, width), x)
    gaps = [torch.square(x[name] - modes[:, 0]) for name, modes in (("a", a), ("b", b))]
    noises = [0.25 + joint.noise[name] ** 2 for name in ("a", "b")]
    logs = [-g / v / 2 - torch.log(torch.tensor(2 * torch.pi * v)) / 2 for g, v in zip(gaps, noises, strict=True)]
    torch.testing.assert_close(joint.nats, torch.logsumexp(weights.log() + sum(logs), -1), rtol=0, atol=1e-4)
    assert (joint.nats - apart).abs().min() > 0.1


@pytest.mark.parametrize("law", [Rademacher(), Normal()], ids=repr)
def test_random_directions_are_unbiased(law: Any) -> None:
    x = graph()
    true = spread(x, FlowLikelihood(steps=4)).nats
    found = spread(x, FlowLikelihood(steps=4, divergence=Hutchinson(100, law)))
    assert torch.all(found.error[[0, 2]] > 0)
    assert torch.all((found.nats - true).abs() < 4 * found.error + 1e-9)
    assert torch.all((found.nats - true).abs()[[0, 2]] > 1e-6)


def test_the_standard_error_is_that_of_repeated_runs() -> None:
    x = pick(graph(), torch.zeros(400, dtype=torch.int64))
    found = spread(x, FlowLikelihood(steps=2, divergence=Hutchinson(8)))
    assert float(found.nats.std()) == pytest.approx(float(found.error.square().mean().sqrt()), rel=0.15)
    assert torch.isnan(spread(x, FlowLikelihood(steps=2, divergence=Hutchinson(1))).error).all()


def test_units() -> None:
    found = spread(graph())
    assert found.dims.tolist() == [9, 2, 5]
    assert found.entities is not None
    assert found.entities.tolist() == [3, 1, 2]
    assert found.kind == "nodes"
    torch.testing.assert_close(found.bits_per_dim * found.dims, -found.nats / torch.log(torch.tensor(2.0)))
    torch.testing.assert_close(found.bits_per_entity * found.entities, found.bits_per_dim * found.dims)


def test_classes_are_measured_where_they_are_embedded() -> None:
    """Two classes as corners: the density of two normal laws, each of the width of the smallest noise."""
    process = Affine(VE(0.1, 5.0), OneHot(2))
    law = Points(torch.tensor([[0], [1]]), torch.tensor([0.25, 0.75]))
    found = measure(process, law, law.points, first=1e-9)
    peak = -torch.log(torch.tensor(2 * torch.pi * 0.01))
    torch.testing.assert_close(found.nats, law.weights.log() + peak, rtol=0, atol=1e-4)
    assert found.dims.tolist() == [2, 2]


class Shifted(Source):
    """Some law without a density."""

    def sample(self, like: Tensor, rng: Streams) -> Tensor:
        return rng.normal(like) + 1


@pytest.mark.parametrize(
    ("process", "message"),
    [
        (Product({"x": Affine(VP()), "c": Jump.masked(2)}), r"field c \(Jump\) has no flow.*ask for the bound"),
        (Jump.masked(2), "this process .* has no flow"),
        (Affine(Rectified(), source=Shifted()), "no known density"),
    ],
    ids=["mixed", "jump", "source"],
)
def test_what_has_no_density_is_refused(process: Process, message: str) -> None:
    one = torch.zeros(1, 2)
    x: Any = State({"x": one, "c": one}) if isinstance(process, Product) else one
    with pytest.raises(InputError, match=message):
        FlowLikelihood(steps=2)(Exact(process, Points(x, torch.ones(1), torch.ones(1))), x, Streams.of(0, 1))


def test_the_pace_is_an_increasing_map_with_its_own_slope() -> None:
    pace = Pace.of(GRAPHS, 1e-5)
    u = torch.linspace(0.01, 0.99, 500)
    (before, _), (_t, slope), (after, _) = (pace.place(u + step) for step in (-1e-7, 0.0, 1e-7))
    inside = ((u * (len(pace.knots) - 1)) % 1 - 0.5).abs() < 0.49
    torch.testing.assert_close(slope[inside], ((after - before) / 2e-7)[inside], rtol=1e-5, atol=1e-5)
    grid = pace.grid(7)
    assert torch.all(torch.diff(grid) > 0)
    assert float(grid[0]) == pytest.approx(1e-5)
    assert grid[-1] == 1


@pytest.mark.parametrize("period", [1.0, 3.0])
def test_a_density_on_a_torus_integrates_to_one(period: float) -> None:
    """Wrapped normal laws around two points, the one across the seam."""
    space = Torus(period)
    law = Points(torch.tensor([[0.05 * period], [0.6 * period]]), torch.tensor([0.3, 0.7]))
    process = Wrapped(VE(0.08 * period, 2.0 * period), space)
    x = period * torch.arange(64.0)[:, None] / 64
    found = FlowLikelihood(40)(Exact(process, law), x, Streams.of(0, 64))
    assert float(found.nats.exp().mean()) * period == pytest.approx(1, abs=1e-5)
    images = period * torch.arange(-3.0, 4.0)
    gaps = (x[:, None] - law.points + images) / (0.08 * period)
    heights = torch.exp(-torch.square(gaps) / 2).sum(-1) / (0.08 * period * (2 * torch.pi) ** 0.5)
    torch.testing.assert_close(found.nats.exp(), heights @ law.weights, rtol=1e-3, atol=1e-4)


def test_a_flow_on_a_sphere_is_refused() -> None:
    class Still:
        process = Geodesic(Sphere())

        def __call__(self, z: Tensor, t: Tensor, cond: Any = None) -> Any:
            return self.process.resolve(torch.zeros_like(z), z, t)

    with pytest.raises(InputError, match="likelihoods are those of vector spaces and of the torus"):
        FlowLikelihood(2)(Still(), torch.eye(3), Streams.of(0, 3))
