"""Conditions on classes that hold: no sample leaves its sets, whatever the process and the solver."""

import math

import pytest
import torch
from torch import Tensor

from geodrift.conditioning import number
from geodrift.embeddings import OneHot
from geodrift.errors import InputError
from geodrift.guidance.restricted import Restricted
from geodrift.layout import Ragged
from geodrift.parametrization import Classes
from geodrift.prediction import Belief
from geodrift.processes import Affine, BayesianCategorical, Jump, Predictions, Process, Product
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.schedules import Rectified
from geodrift.solvers import solvers
from geodrift.state import State

CLASSES = 5
LENGTHS = torch.tensor([3, 1, 4, 6])
PATHS = {
    "masked": Jump.masked(CLASSES),
    "uniform": Jump.uniform(CLASSES),
    "bayesian": BayesianCategorical(CLASSES, 3.0),
}


class Stubborn:
    """A denoiser that is nearly sure of class 0, whatever it sees."""

    def __init__(self, part: Process) -> None:
        self.process = Product({"species": part})

    def __call__(self, z: State, t: Tensor, cond: object = None) -> Predictions:
        raw = torch.tensor([9.0, 1.0, 0.0, 0.5, -3.0]).expand(int(LENGTHS.sum()), CLASSES)
        return self.process.resolve(State({"species": raw}, z.layouts), z, t)


def blank() -> State:
    layout = Ragged.of(LENGTHS)
    return State({"species": torch.zeros(len(layout.index), dtype=torch.int64)}, {"species": layout})


@pytest.mark.parametrize(
    ("path", "kind"), [*((path, "ancestral") for path in PATHS), ("masked", "ctmc"), ("uniform", "ctmc")]
)
def test_no_sample_leaves_its_classes(path: str, kind: str) -> None:
    allowed = torch.rand(int(LENGTHS.sum()), CLASSES, generator=torch.Generator().manual_seed(0)) < 0.4
    allowed[:, 0], allowed[:, 3] = False, True
    denoise, solver = Restricted(Stubborn(PATHS[path]), {"species": allowed}), solvers.build(kind)
    for seed in range(20):
        drawn = sample(denoise, blank(), solver, Streams.of(seed, len(LENGTHS)), steps=6)["species"]
        assert allowed.gather(1, drawn[:, None]).all()


def test_the_law_within_is_the_conditional_one() -> None:
    denoise = Restricted(Stubborn(PATHS["uniform"]), {"species": torch.tensor([False, True, True, False, False])})
    found = denoise(blank(), torch.tensor(0.5))["species"].probs
    odds = torch.tensor([0.0, math.e, 1.0, 0.0, 0.0])
    torch.testing.assert_close(found, (odds / odds.sum()).expand_as(found))


def test_a_belief_that_excludes_all_classes_becomes_even() -> None:
    sure = Stubborn(PATHS["masked"])
    z = State({"species": torch.zeros(14, dtype=torch.int64)}, blank().layouts)  # all of class 0, which is known
    found = Restricted(sure, {"species": torch.tensor([False, True, True, False, False])})(z, torch.tensor(0.5))
    torch.testing.assert_close(found["species"].probs[0], torch.tensor([0, 0.5, 0.5, 0, 0]))
    assert isinstance(found["species"], Belief)


def test_a_path_without_beliefs_cannot_be_restricted() -> None:
    part = Affine(Rectified(), OneHot(CLASSES), Classes())
    with pytest.raises(InputError, match="species cannot be restricted: Affine holds no beliefs"):
        Restricted(Stubborn(part), {"species": torch.ones(CLASSES, dtype=torch.bool)})


@pytest.mark.parametrize("value", ["four", "nan", "inf", math.inf])
def test_conditions_that_are_no_numbers(value: float | str) -> None:
    with pytest.raises(InputError, match=rf"condition atoms={value}: not a number"):
        number("atoms", value)


def test_numbers_may_be_written_as_text() -> None:
    assert number("atoms", "4") == 4 == number("atoms", 4)
