"""Laws of sampling: what comes out of exact denoisers, and what it costs."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from geodrift.embeddings import OneHot, Ordinal
from geodrift.errors import InputError
from geodrift.layout import Padded
from geodrift.prediction import Estimate, Tangent
from geodrift.processes import Affine, Bayesian, Flow, Geodesic, Jump, Process, Product
from geodrift.processes.accuracy import Quadratic
from geodrift.processes.families import Categorical
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.schedules import EDM, VE, VP, Cosine, Rectified, SubVP
from geodrift.solvers import (
    CTMC,
    S4,
    Adaptive,
    AdaptiveEulerMaruyama,
    Ancestral,
    Churn,
    DrivenEulerMaruyama,
    EulerMaruyama,
    Multistep,
    PredictorCorrector,
    Renoise,
    Reveal,
    ReversibleHeun,
    RungeKutta,
    Singlestep,
    Solver,
    Strang,
    UniPC,
    euler,
    heun,
)
from geodrift.solvers.adaptive import Exponential
from geodrift.solvers.grids import Karras, Power
from geodrift.spaces import Simplex
from geodrift.state import State
from geodrift.testing import Counted, Exact, Points, assert_batch_invariant, kolmogorov_smirnov, pick

STOCHASTIC = [
    Ancestral(),
    EulerMaruyama(),
    EulerMaruyama(scale=0.5),
    DrivenEulerMaruyama(),
    PredictorCorrector(snr=0.1),
    PredictorCorrector(Ancestral(), snr=0.1),
    S4(snr=0.1),
    Strang(),
]
JOINT = {
    "continuous": Product({"nodes": Affine(VP(), OneHot(3)), "edges": Affine(VE(0.05, 10.0), Ordinal(3))}),
    "straight": Product({"nodes": Affine(Rectified(), OneHot(3)), "edges": Affine(Cosine(), Ordinal(3))}),
    "masked": Product({"nodes": Jump.masked(3), "edges": Jump.masked(3)}),
    "marginal": Product({"nodes": Jump(3, (0.5, 0.3, 0.2)), "edges": Jump.uniform(3, schedule=Cosine())}),
    "evidence": Product(dict.fromkeys(("nodes", "edges"), Bayesian(Categorical(3), Quadratic(20.0)))),
    "curved": Product({"nodes": Geodesic(Simplex(), embedding=OneHot(3)), "edges": Jump.masked(3)}),
    "mixed": Product({"nodes": Affine(SubVP(), OneHot(3)), "edges": Jump.masked(3)}),
}


def graphs() -> State:
    """Graphs of three, one and two nodes."""
    nodes = torch.tensor([[2, 0, 1], [1, 0, 0], [1, 2, 0]])
    edges = torch.tensor([[1, 0, 2], [0, 0, 0], [2, 0, 0]])
    layouts = {"nodes": Padded.of(torch.tensor([3, 1, 2])), "edges": Padded.of(torch.tensor([3, 0, 1]), 3)}
    return State({"nodes": nodes, "edges": edges}, layouts)


def mixture_of_two() -> Points:
    return Points(torch.tensor([[-1.0], [1.2]]), torch.tensor([0.35, 0.65]), torch.tensor([0.2, 0.2]))


def cdf(x: Tensor) -> Tensor:
    return 0.35 * torch.special.ndtr((x + 1) / 0.2) + 0.65 * torch.special.ndtr((x - 1.2) / 0.2)


@pytest.mark.parametrize("solver", STOCHASTIC, ids=repr)
def test_samples_have_the_law_of_a_mixture(solver: Solver) -> None:
    """Distance of the empirical law at most 0.02, where the sampling error of 4000 alone is up to 0.03 at three."""
    n = 4000
    x = sample(Exact(Affine(VP()), mixture_of_two()), torch.zeros(n, 1), solver, Streams.of(0, n), steps=100)
    assert abs(float((x > 0).double().mean()) - 0.65) < 0.025
    assert kolmogorov_smirnov(x, cdf) < 3


@pytest.mark.parametrize("schedule", [Rectified(), Cosine(), SubVP(), VE(), EDM(20.0)], ids=repr)
@pytest.mark.parametrize("solver", [heun(), Ancestral(), EulerMaruyama()], ids=["heun", "ancestral", "euler-maruyama"])
def test_every_schedule_reaches_the_law(schedule: Any, solver: Solver) -> None:
    n, grid = 2000, Karras() if isinstance(schedule, EDM) else Power(1.5)
    exact = Exact(Affine(schedule), mixture_of_two())
    x = sample(exact, torch.zeros(n, 1), solver, Streams.of(0, n), steps=60, grid=grid)
    assert abs(float((x > 0).double().mean()) - 0.65) < 0.035
    assert kolmogorov_smirnov(x, cdf) < 3


def toy() -> Points:
    """Two graphs on three nodes, each blurred by 0.15; nodes and edges are only right together."""
    modes = torch.tensor([[1.0, 0.5, 0.0, 1.0, 0.0, 1.0], [-0.5, 0.0, 1.0, 0.0, 1.0, 0.0]])
    return Points(
        State({"nodes": modes[:, :3], "edges": modes[:, 3:]}), torch.tensor([0.35, 0.65]), torch.full((2,), 0.15)
    )


@pytest.mark.parametrize("edges", [VP(), VE(0.01, 5.0)], ids=repr)
@pytest.mark.parametrize(
    "solver", [PredictorCorrector(), EulerMaruyama(), S4(), Strang(), Ancestral(), heun()], ids=repr
)
def test_fields_of_a_system_stay_correlated(solver: Solver, edges: Any) -> None:
    """GDSS's claim, on its exact partial scores: samples are at a mode in nodes and edges together."""
    n, law = 2000, toy()
    process = Product({"nodes": Affine(VP()), "edges": Affine(edges)})
    like = State({"nodes": torch.zeros(n, 3), "edges": torch.zeros(n, 3)})
    x = sample(Exact(process, law), like, solver, Streams.of(0, n), steps=60, grid=Power(1.5))
    flat, modes = (torch.cat([state["nodes"], state["edges"]], 1) for state in (x, law.points))
    distances = torch.cdist(flat, modes)
    assert float((distances.min(1)[0] < 6 * 0.15).double().mean()) > 0.99
    assert abs(float((distances[:, 0] < distances[:, 1]).double().mean()) - 0.35) < 0.035
    near = flat - modes[distances.argmin(1)]
    assert float(near.std()) == pytest.approx(0.15, rel=0.15)


def finite(index: int, z: State) -> None:
    assert all(torch.isfinite(v).all() for v in z.masked().values()), index


@pytest.mark.parametrize("name", JOINT)
def test_an_exact_denoiser_of_one_datum_returns_it(any_solver: Solver, name: str) -> None:
    """Every solver on every kind of path, on padded graphs, by finite states; what does not exist stays zero."""
    process, data = JOINT[name], graphs()
    denoise = Single(process, data)
    if _refused(any_solver, process):
        with pytest.raises(InputError):
            sample(denoise, data, any_solver, Streams.of(0, 3), steps=12)
        return

    x = sample(denoise, data, any_solver, Streams.of(0, 3), steps=12, watch=finite)
    assert {field: v.tolist() for field, v in x.items()} == {field: v.tolist() for field, v in data.items()}


def test_numbers_move_while_the_classes_beside_them_are_still_possible() -> None:
    """Classes that jump before have no exact prediction at a time when all are masked."""
    denoise, solver = Single(JOINT["mixed"], graphs()), AdaptiveEulerMaruyama(0.5, 0.5, shortest=0.01)
    sample(denoise, graphs(), solver, Streams.of(0, 3), steps=3, watch=finite)


class Single:
    """The exact denoiser where each sample's data are known."""

    def __init__(self, process: Process, data: State) -> None:
        self.process, self.data = process, data

    def __call__(self, z: State, t: Tensor, cond: Any = None) -> Any:
        ones = torch.ones(1)
        each = [
            Exact(self.process, Points(pick(self.data, i), ones))(pick(z, i), t[i] if t.ndim else t)
            for i in torch.arange(3)[:, None]
        ]
        return join(each)


def join(predictions: list[Any]) -> Any:
    """The predictions of single samples as that of a batch."""
    first = predictions[0]
    if isinstance(first, dict):
        return type(first)({name: join([p[name] for p in predictions]) for name in first})
    if isinstance(first, Estimate):
        return Estimate(torch.cat([p.x for p in predictions]), torch.cat([p.n for p in predictions]))
    if isinstance(first, Tangent):
        return Tangent(torch.cat([p.v for p in predictions]), first.left)
    return type(first)(*(torch.cat([vars(p)[name] for p in predictions]) for name in vars(first)))


def _refused(solver: Solver, process: Product) -> bool:
    parts = list(process.parts.values())
    if isinstance(solver, Reveal):
        return not any(isinstance(p, Jump) for p in parts) or any(isinstance(p, Jump) and p.states == 3 for p in parts)
    no_signal = any(isinstance(p, Affine | Bayesian) and p.schedule.alpha(torch.ones(())) < 1e-6 for p in parts)
    if isinstance(solver, (Ancestral, CTMC, Renoise)):
        return False
    whole = all(isinstance(p, Flow) for p in parts)
    if isinstance(solver, ReversibleHeun):  # with noise that grows so fast it needs more steps than these tests take
        return not whole or any(isinstance(p, Affine) and isinstance(p.schedule, VE) for p in parts)
    if any(isinstance(p, Geodesic) for p in parts) and not isinstance(solver, RungeKutta):
        return True
    if isinstance(solver, Adaptive) and not whole:
        return True
    if _measures_noise(solver) and not any(isinstance(p, Affine | Bayesian) for p in parts):
        return True
    divides = isinstance(solver, (S4, Strang)) or _divides(solver)
    return not any(isinstance(p, Flow) for p in parts) or (divides and no_signal)


def _measures_noise(solver: Solver) -> bool:
    """Whether a method moves by the scales of data and noise."""
    exponential = isinstance(solver, Adaptive) and isinstance(solver.pair, Exponential)
    return exponential or isinstance(solver, (Churn, Multistep, Singlestep, UniPC))


def _divides(solver: Solver) -> bool:
    """Whether an exponential integrator divides by the signal, or measures its steps by it."""
    if isinstance(solver, Adaptive):
        return isinstance(solver.pair, Exponential)
    return isinstance(solver, (Multistep, Singlestep, UniPC)) and solver.form.divides


@pytest.mark.parametrize("name", ["continuous", "masked", "mixed"])
def test_one_network_call_a_stage_for_all_fields(any_solver: Solver, name: str) -> None:
    process, data = JOINT[name], graphs()
    if _refused(any_solver, process) or isinstance(any_solver, Adaptive):
        return
    counted, steps = Counted(Single(process, data)), 5
    sample(counted, data, any_solver, Streams.of(0, 3), steps=steps)
    if isinstance(any_solver, AdaptiveEulerMaruyama):
        assert (counted.calls - 1 - (steps - 1)) % any_solver.stages == 0  # as many tries as it takes
        return
    first = isinstance(any_solver, ReversibleHeun)  # which asks at both ends of its first step
    assert counted.calls == any_solver.stages * (steps - 1) + 1 + first


@pytest.mark.parametrize("name", JOINT)
def test_a_sample_depends_on_its_seed_and_index_alone(any_solver: Solver, name: str) -> None:
    process = JOINT[name]
    if _refused(any_solver, process):
        return
    law = Points(State({"nodes": torch.tensor([[0, 1], [2, 2]]), "edges": torch.tensor([[1], [2]])}), torch.ones(2) / 2)
    like = State({"nodes": torch.zeros(5, 2, dtype=torch.int64), "edges": torch.zeros(5, 1, dtype=torch.int64)})

    def draw(index: Tensor) -> State:
        x: State = sample(Exact(process, law), pick(like, index), any_solver, Streams.of(3, index), steps=6)
        return x

    assert_batch_invariant(draw, 5)
    others = sample(Exact(process, law), like, any_solver, Streams.of(6, 5), steps=6)
    assert {k: v.tolist() for k, v in others.items()} != {k: v.tolist() for k, v in draw(torch.arange(5)).items()}


def test_sampling_is_watched() -> None:
    seen: list[int] = []
    exact = Exact(Affine(VP()), mixture_of_two())
    sample(exact, torch.zeros(2, 1), euler(), Streams.of(0, 2), steps=4, watch=lambda index, z: seen.append(index))
    assert seen == [0, 1, 2]
