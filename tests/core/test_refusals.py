"""What cannot be is refused in one line: what was asked, why it cannot be, what can."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from geodrift.errors import InputError
from geodrift.processes import Affine, Jump, Process, Product
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.schedules import VP, Rectified
from geodrift.solvers import Ancestral, EulerMaruyama, Solver, Strang, euler, heun
from geodrift.state import State
from geodrift.testing import Exact, Points

LIKE = State({"a": torch.zeros(3, 2), "b": torch.zeros(3, 2)})
BOTH = Product({"a": Affine(VP()), "b": Affine(VP())})


def draw(process: Process, solver: Solver, like: Any) -> Any:
    law = Points(like.map(lambda z: z[:1]), torch.ones(1), torch.ones(1))
    return sample(Exact(process, law), like, solver, Streams.of(0, 3), steps=3)


@pytest.mark.parametrize("fields", [{"a": torch.zeros(3, 2)}, {**LIKE, "c": torch.zeros(3, 2)}], ids=["few", "many"])
def test_a_state_with_other_fields(fields: dict[str, torch.Tensor]) -> None:
    with pytest.raises(InputError, match="this process moves a, b"):
        draw(BOTH, euler(), State(fields))


def test_fields_of_different_types() -> None:
    with pytest.raises(InputError, match=r"field b has the type torch.float32 and field a .*one type"):
        draw(BOTH, euler(), State({"a": torch.zeros(3, 2), "b": torch.zeros(3, 2, dtype=torch.float32)}))


def test_fields_on_different_devices() -> None:
    with pytest.raises(InputError, match=r"field b is on meta and field a is on cpu; use state.to"):
        draw(BOTH, euler(), State({"a": torch.zeros(3, 2), "b": torch.zeros(3, 2, device="meta")}))


@pytest.mark.parametrize("solver", [heun(), EulerMaruyama(), Strang()], ids=repr)
def test_methods_for_real_fields_on_classes(solver: Solver) -> None:
    process, like = Product({"a": Jump.masked(2)}), State({"a": torch.zeros(3, 2, dtype=torch.int64)})
    with pytest.raises(InputError, match="this process has none; use ancestral"):
        draw(process, solver, like)
    assert draw(process, Ancestral(), like)["a"].shape == (3, 2)


def test_splitting_without_signal() -> None:
    with pytest.raises(InputError, match="strang divides by the signal"):
        draw(Product({"a": Affine(Rectified())}), Strang(), State({"a": torch.zeros(3, 2)}))
