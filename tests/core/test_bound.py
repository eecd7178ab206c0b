"""The bound of the likelihood: below the truth, and at it where the denoiser is exact and steps are many."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from geodrift.errors import InputError
from geodrift.layout import Padded
from geodrift.likelihood import Bound, Continuous, FlowLikelihood, LogLikelihood, Steps, suited
from geodrift.likelihood.rates import rate
from geodrift.processes import Affine, Bayesian, Belief, Draw, Jump, Process, Product
from geodrift.processes.accuracy import Quadratic
from geodrift.processes.families import Categorical
from geodrift.rng import Streams
from geodrift.schedules import EDM, VE, VP, Cosine, Rectified, Schedule, SubVP
from geodrift.state import State
from geodrift.testing import Exact, Points, assert_batch_invariant, assert_same, pick, widen

WEIGHTS = torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64)
LAW = Points(torch.tensor([[0, 1, 2], [2, 2, 0], [1, 1, 1], [0, 0, 2]]), WEIGHTS)
CLASSES = {
    "masked": Jump.masked(3),
    "masked-cosine": Jump.masked(3, schedule=Cosine()),
    "uniform": Jump.uniform(3),
    "uniform-vp": Jump.uniform(3, schedule=VP()),
    "marginal": Jump(3, (0.5, 0.3, 0.2)),
    "evidence": Bayesian(Categorical(3), Quadratic(20.0)),
}
COUNT = 3000


def repeated(process: Process, way: Bound, law: Points = LAW) -> tuple[Tensor, Tensor, LogLikelihood]:
    """The mean over repetitions for each point of the law, its standard error, and all of it."""
    every = len(law.weights)
    x = pick(law.points, torch.arange(every).repeat(COUNT // every))
    found = way(Exact(process, law), x, Streams.of(0, COUNT))
    table = found.nats.reshape(-1, every)
    return table.mean(0), table.std(0) / len(table) ** 0.5, found


@pytest.mark.parametrize("name", CLASSES)
def test_it_is_the_log_probability_for_exact_beliefs(name: str) -> None:
    mean, error, found = repeated(CLASSES[name], Bound(strata=8))
    assert torch.all((mean - LAW.weights.log()).abs() < 4 * error)
    assert float(error.max()) < 0.07
    own = found.error.square().mean().sqrt() / (COUNT / 4) ** 0.5
    assert float(own) == pytest.approx(float(error.square().mean().sqrt()), rel=0.15)
    assert not found.exact
    assert found.dims.tolist() == [3] * COUNT


@pytest.mark.parametrize("name", CLASSES)
def test_a_chain_of_steps_is_below_and_comes_near(name: str) -> None:
    """Five steps lose what entries say of one another within a step; the laws of steps are those of the processes."""
    true = LAW.weights.log()
    coarse, error, _ = repeated(CLASSES[name], Bound(Steps(5), strata=4))
    assert torch.all(coarse < true + 2 * error)
    assert float((LAW.weights * (true - coarse)).sum()) > 0.1
    fine, error, _ = repeated(CLASSES[name], Bound(Steps(400), strata=4))
    assert torch.all((fine - true).abs() < 0.01 + 4 * error)


def test_wrong_beliefs_are_below() -> None:
    """The loss of nats is that of a network that knows the marginals alone, for the masked process exactly."""
    marginals = torch.stack([(LAW.points == k).double().T @ LAW.weights for k in range(3)], -1)
    apart = Points(
        torch.cartesian_prod(*[torch.arange(3)] * 3),
        torch.cartesian_prod(*marginals).prod(-1),
    )
    x = LAW.points.repeat(500, 1)
    found = Bound(strata=4)(Exact(Jump.masked(3), apart), x, Streams.of(0, 2000)).nats.reshape(-1, 4)
    expected = marginals.log()[torch.arange(3), LAW.points].sum(-1)
    assert torch.all((found.mean(0) - expected).abs() < 4 * found.std(0) / 500**0.5)
    assert float((LAW.weights * (LAW.weights.log() - expected)).sum()) > 0.5


@pytest.mark.parametrize("schedule", [VP(), SubVP(), VE(), EDM(), Rectified(), Cosine()], ids=repr)
@pytest.mark.parametrize("chain", [Continuous(), Steps(3000)], ids=repr)
def test_it_is_the_density_of_a_gaussian(schedule: Schedule, chain: Any) -> None:
    """The mean over the law of the data, where the spread between draws is least."""
    law = Points(torch.tensor([[1.0, -1.0]]), torch.ones(1), torch.tensor([0.5]))
    x = law.sample(Streams.of(1, 1500), 1500)
    exact = Exact(Affine(schedule), law)
    true = FlowLikelihood(40)(exact, x[:200], Streams.of(0, 200)).nats
    found = Bound(chain, strata=6)(exact, x, Streams.of(0, 1500))
    entropy = -1.0 - torch.log(torch.tensor(2 * torch.pi * 0.25))
    spread = float(found.nats.std()) / 1500**0.5
    assert float(true.mean()) == pytest.approx(float(entropy), abs=0.3)
    loss = 0.02 if isinstance(chain, Continuous) else 0.12
    assert -loss - 4 * spread < float(found.nats.mean() - entropy) < 0.01 + 4 * spread


def mixed() -> tuple[Product, Points]:
    """One class and one number, right only together."""
    points = State({"x": torch.tensor([[-1.0], [1.0], [0.0]]), "c": torch.tensor([[0], [1], [1]])})
    process = Product({"x": Affine(VP()), "c": Jump.masked(2)})
    return process, Points(points, torch.tensor([0.5, 0.3, 0.2]), torch.full((3,), 0.5))


def test_real_fields_and_classes_together() -> None:
    process, law = mixed()
    x = law.points
    mean, error, found = repeated(process, Bound(strata=8), law)
    normal = -torch.square(x["x"] - x["x"].T) / 0.5 - torch.log(torch.tensor(2 * torch.pi * 0.25)) / 2
    together = torch.where(x["c"] == x["c"].T, normal, -torch.inf)
    true = torch.logsumexp(law.weights.log() + together, -1)
    assert torch.all((mean - true).abs() < 4 * error + 0.01)
    assert found.dims[0] == 2
    assert isinstance(suited(process), Bound)


def test_padding_and_batch_mates_are_ignored() -> None:
    layouts = {"n": Padded.of(torch.tensor([3, 1, 2]))}
    x = State({"n": torch.tensor([[0, 1, 2], [2, 0, 0], [1, 1, 0]])}, layouts)
    process = Product({"n": Jump.uniform(3)})

    class Own:
        """Beliefs of each entry from itself."""

        def __init__(self) -> None:
            self.process = process

        def __call__(self, z: State, t: Tensor, cond: Any = None) -> Any:
            logits = torch.nn.functional.one_hot(z["n"], 3) * (2 - t.reshape(-1, 1, 1))
            return {"n": Belief(torch.log_softmax(logits, -1))}

    def bound(state: State, index: Tensor) -> Tensor:
        return Bound(strata=2)(Own(), pick(state, index), Streams.of(0, index)).nats

    everything = torch.arange(3)
    wide = bound(widen(x, {"n": 2}, fill=1), everything)
    assert_same(wide, bound(x, everything), atol=1e-12)
    assert_batch_invariant(lambda index: bound(x, index), 3, atol=1e-12)


def test_the_masked_rate_is_the_weighted_cross_entropy() -> None:
    """The rate of all jumps reduces to the training loss of the masked process with `elbo`."""
    part = Jump.masked(3, elbo=True, schedule=Cosine())
    x, t = torch.tensor([[0, 1, 2, 1]] * 2), torch.tensor([0.3, 0.8])
    draw = part.corrupt(x, t, Streams.of(1, 2))
    raw = torch.sin(torch.arange(24.0)).reshape(2, 4, 3)
    p = part.resolve(raw, draw.z, t)
    assert (draw.z == 3).any()
    assert (draw.z < 3).any()
    torch.testing.assert_close(rate(part, p, draw), part.loss(raw, Draw(draw.z, x, x, t)))


def test_what_has_no_bound_is_refused() -> None:
    with pytest.raises(InputError, match="leaves classes unmasked"):
        Bound(strata=1)(Exact(Jump.masked(3, schedule=VP()), LAW), LAW.points, Streams.of(0, 4))
