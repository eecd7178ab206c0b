"""Laws of classes that jump to a source, against generators and Bayes' rule on all states, with no sampling error."""

from __future__ import annotations

from itertools import pairwise, product

import pytest
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from geodrift.errors import InputError
from geodrift.prediction import Belief
from geodrift.processes import Jump
from geodrift.processes.process import Draw
from geodrift.rng import Streams
from geodrift.schedules import VP, Cosine, Rectified
from geodrift.solvers import CTMC, Ancestral, Solver
from geodrift.solvers.grids import Uniform
from geodrift.testing import Exact, Points, chi_square, order

K = 3
SCHEDULES = [Rectified(), Cosine(), VP(0.1, 12.0)]
SOURCES = {
    "masked": (0.0, 0.0, 0.0, 1.0),
    "uniform": (1 / 3, 1 / 3, 1 / 3),
    "marginal": (0.6, 0.3, 0.1),
    "gap": (0.7, 0.3, 0.0),
    "leaky": (0.1, 0.2, 0.0, 0.7),
}
PROCESSES = [Jump(K, source, schedule) for source in SOURCES.values() for schedule in SCHEDULES]
IDS = [f"{name}-{type(schedule).__name__}" for name in SOURCES for schedule in SCHEDULES]
each_process = pytest.mark.parametrize("process", PROCESSES, ids=IDS)
T, S = torch.tensor([0.7, 0.4], dtype=torch.float64)


def transition(process: Jump, s: Tensor, t: Tensor) -> Tensor:
    """The forward law from time `s` to time `t`, `(S, S)`: the matrix exponential of the forgetting."""
    pi = torch.tensor(process.source)
    generator = pi.expand(process.states, -1) - torch.eye(process.states)
    forgotten = torch.log(process.schedule.alpha(s)) - torch.log(process.schedule.alpha(t))
    return torch.matrix_exp(generator * forgotten)


def law_of_the_state(process: Jump, weights: Tensor, t: Tensor) -> Tensor:
    return weights @ transition(process, torch.zeros(()), t)[:K]


@each_process
def test_forward_marginal_is_the_exponential_of_the_generator(process: Jump) -> None:
    n = 20000
    for x in range(K):
        z = process.corrupt(torch.full((n,), x), T, Streams.of(x, n)).z
        counts = torch.bincount(z, minlength=process.states).double()
        assert chi_square(counts, transition(process, torch.zeros(()), T)[x].clamp(min=0)) < 3
    prior = process.prior(torch.zeros(n, dtype=torch.int64), Streams.of(9, n))
    assert chi_square(torch.bincount(prior, minlength=process.states).double(), torch.tensor(process.source)) < 3


@each_process
def test_kernel_is_bayes_rule(process: Jump) -> None:
    """Sum over x of p(x | z_t) p(z_s | z_t, x), each by enumeration, for any possible p(x | z_t)."""
    from_start, to_t = transition(process, torch.zeros(()), S)[:K], transition(process, S, T)
    for z in range(process.states):
        joint = from_start * to_t[:, z]  # (x, z_s)
        possible = joint.sum(1) > 1e-12
        if not possible.any():
            continue
        belief = torch.tensor([0.2, 0.5, 0.3]) * possible
        belief = belief / belief.sum()
        expected = torch.einsum("x,xs->s", belief, torch.nan_to_num(joint / joint.sum(1, keepdim=True)))
        law = process.kernel(Belief(torch.log(belief)[None]), torch.tensor([z]), T, S)
        torch.testing.assert_close(law.probs[0], expected, rtol=1e-9, atol=1e-12)


@each_process
def test_posterior_and_kernel_undo_the_forgetting(process: Jump) -> None:
    """Marginalising the kernel over z_t gives the law at s, from the source itself too."""
    weights = torch.tensor([0.5, 0.3, 0.2])
    exact = Exact(process, Points(torch.arange(K), weights))
    for t in (T, torch.tensor(0.999)):
        possible = torch.nonzero(law_of_the_state(process, weights, t) > 1e-12)[:, 0]
        kernel = process.kernel(exact(possible, t), possible, t, S).probs
        reached = law_of_the_state(process, weights, t)[possible] @ kernel
        torch.testing.assert_close(reached, law_of_the_state(process, weights, S), rtol=1e-9, atol=1e-9)


@each_process
@pytest.mark.parametrize("eta", [0.0, 5.0])
def test_rates_satisfy_the_kolmogorov_equation(process: Jump, eta: float) -> None:
    """What flows into a state less what flows out is what the marginal gains towards the data, for every x."""
    at = process.schedule(T)
    z = torch.arange(process.states)
    for x in range(K):
        q = transition(process, torch.zeros(()), T)[x].clamp(min=0)
        sure = torch.log(one_hot(torch.tensor(x), K).double()).expand(process.states, K)
        rate = process.rate(Belief(sure), z, T, eta)
        assert torch.all(rate >= 0)
        gained = q @ rate - q * rate.sum(1)
        data = one_hot(torch.tensor(x), process.states) - torch.tensor(process.source)
        torch.testing.assert_close(gained, -at.d_alpha * data, rtol=1e-9, atol=1e-9)
        assert torch.all(rate[q > 0][:, q < 1e-12] == 0), "a jump to an impossible state"


@each_process
def test_guidance_of_the_target_only_adds_jumps_to_it(process: Jump) -> None:
    z = torch.arange(K)
    belief = Belief(torch.log(torch.tensor([[0.0, 0.0, 1.0]])).expand(K, K))
    more = process.rate(belief, z, T, 0.0, 2.0) - process.rate(belief, z, T, 0.0, 0.0)
    assert torch.all(more[:2, 2] > 0)
    assert torch.all(more[:, :2] == 0)
    assert more[2, 2] == 0


def pair_law() -> Points:
    """Two tokens that mostly agree."""
    points = torch.tensor(list(product(range(K), repeat=2)))
    weights = torch.tensor([0.30, 0.02, 0.03, 0.05, 0.20, 0.02, 0.03, 0.05, 0.30])
    return Points(points, weights)


def reached(process: Jump, law: Points, solver: Solver, steps: int) -> Tensor:
    """The exact law of the sample: products of the step's probabilities over all joint states, then the last draw."""
    length = law.points.shape[1]
    states = torch.tensor(list(product(range(process.states), repeat=length)))
    exact, times = Exact(process, law), Uniform()(steps, process)
    share = _joint(torch.tensor(process.source).expand(1, length, -1))[0]
    for t, s in pairwise(times):
        alive = torch.nonzero(share > 0)[:, 0]
        kernel = process.each(solver.law, exact(states[alive], t), states[alive], t, s)  # type: ignore[attr-defined]
        share = share[alive] @ _joint(kernel.probs)  # type: ignore[attr-defined]
    alive = torch.nonzero(share > 0)[:, 0]
    final = _joint(exact(states[alive], times[-1]).probs)
    return share[alive] @ final


def _joint(probs: Tensor) -> Tensor:
    """Products `(n, S^L)` of the probabilities `(n, L, S)` of independent tokens."""
    joint = probs[:, 0]
    for token in range(1, probs.shape[1]):
        joint = (joint[:, :, None] * probs[:, None, token]).flatten(1)
    return joint


@each_process
def test_ancestral_sampling_of_one_token_is_exact(process: Jump) -> None:
    if process.schedule.alpha(torch.ones(())) > 1e-6:
        return  # the source is not quite the law at time one
    law = Points(torch.arange(K)[:, None], torch.tensor([0.5, 0.3, 0.2]))
    torch.testing.assert_close(reached(process, law, Ancestral(), 7), law.weights, rtol=1e-9, atol=1e-9)


SOLVERS = [Ancestral(), CTMC(), CTMC(eta=5.0)]


@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
@pytest.mark.parametrize("source", ["masked", "uniform", "marginal", "leaky"])
def test_sampling_reaches_a_correlated_law(source: str, solver: Solver) -> None:
    """Steps draw tokens independently: the error vanishes as one over their number."""
    process, law = Jump(K, SOURCES[source]), pair_law()

    def error(steps: int) -> float:
        return float((reached(process, law, solver, steps) - law.weights).abs().sum() / 2)

    assert error(128) < 0.02
    assert order(error, (64, 128)) == pytest.approx(1, abs=0.2)


def test_steps_of_the_chain_are_probabilities_however_long() -> None:
    process = Jump(K, SOURCES["uniform"])
    exact, z = Exact(process, Points(torch.arange(K), torch.tensor([0.5, 0.3, 0.2]))), torch.arange(K)
    law = process.each(CTMC(eta=50.0, omega=10.0).law, exact(z, T), z, T, torch.tensor(0.01))
    assert torch.all(law.probs >= 0)
    torch.testing.assert_close(law.probs.sum(-1), torch.ones(K))


def test_what_is_known_stays_known() -> None:
    """Where the source never puts a class, that class is the data: no network can say otherwise."""
    process = Jump(K, SOURCES["gap"])
    raw = torch.tensor([[5.0, 1.0, 0.0]]).expand(3, 3)
    belief = process.resolve(raw, torch.arange(3), T).probs
    torch.testing.assert_close(belief[2], torch.tensor([0.0, 0.0, 1.0]))
    torch.testing.assert_close(belief[0], torch.softmax(raw[0], -1))
    masked = Jump(K, SOURCES["masked"])
    torch.testing.assert_close(masked.resolve(raw, torch.arange(3), T).probs, torch.eye(3))
    torch.testing.assert_close(masked.resolve(raw[:1], torch.tensor([3]), T).probs, torch.softmax(raw[:1], -1))


def test_loss_is_the_cross_entropy() -> None:
    process, x = Jump.uniform(K), torch.tensor([[0, 2]])
    raw = torch.tensor([[[1.0, 0.0, 0.0], [0.5, 0.0, -1.0]]])
    loss = process.loss(raw, Draw(torch.tensor([[1, 1]]), x, x, T))
    torch.testing.assert_close(loss, -torch.log_softmax(raw, -1).gather(-1, x[..., None])[..., 0])


@pytest.mark.parametrize("schedule", [Rectified(), Cosine()], ids=repr)
def test_weighted_loss_of_the_exact_denoiser_is_the_likelihood(schedule: Rectified | Cosine) -> None:
    """The bound of a masked process is tight for the exact denoiser: its integral over time is -log p(x)."""
    process, law = Jump.masked(K, schedule=schedule, elbo=True), pair_law()
    exact = Exact(process, law)
    nodes = (torch.arange(4000) + 0.5) / 4000
    for x, probability in zip(law.points[[0, 1, 5]], law.weights[[0, 1, 5]], strict=True):
        total = torch.zeros(())
        for hidden in product((False, True), repeat=2):
            z = torch.where(torch.tensor(hidden), K, x).expand(len(nodes), 2)
            share = 1 - schedule.alpha(nodes)
            chance = torch.stack([share if h else 1 - share for h in hidden]).prod(0)
            raw = exact(z, torch.tensor(0.5)).log_probs
            loss = process.loss(raw.clamp(min=-1e4), Draw(z, x.expand_as(z), x.expand_as(z), nodes))
            total = total + (chance * loss.sum(1)).mean()
        torch.testing.assert_close(total, -torch.log(probability), rtol=1e-4, atol=0)


def test_weighted_loss_is_finite_where_nothing_is_hidden_yet() -> None:
    """In float32 the signal of a cosine is exactly one near the data: zero error, infinite weight."""
    process = Jump.masked(K, schedule=Cosine(), elbo=True)
    x, t = torch.zeros(4, dtype=torch.int64), torch.tensor([1e-5, 1e-4, 1e-9, 1.0], dtype=torch.float32)
    loss = process.loss(torch.zeros(4, K, dtype=torch.float32), Draw(x, x, x, t))
    assert torch.all(loss == 0)


def test_the_bound_is_that_of_a_masked_source() -> None:
    assert Jump.masked(3, elbo=True).elbo
    with pytest.raises(InputError, match="the bound is that of a masked source"):
        Jump.uniform(3, elbo=True)


def test_the_network_sees_one_hot_states_with_the_mask_last() -> None:
    seen = Jump.masked(2).inputs(torch.tensor([0, 1, 2]), torch.tensor(0.5))
    assert torch.equal(seen, torch.eye(3))
