"""The parts that the law tests run on: a part that is registered joins every law of its kind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from geodrift.objectives.times import time_laws
from geodrift.parametrization import Karras, Linear, parametrizations
from geodrift.schedules import EDM, VE, VP, schedules
from geodrift.solvers import solvers
from geodrift.solvers.grids import grids

SCHEDULES = [schedules.build(kind) for kind in schedules.kinds] + [VP(0.5, 5.0), VE(0.1, 5.0), EDM(5.0)]
ROWS = [row for row in map(parametrizations.build, parametrizations.kinds) if isinstance(row, Linear)] + [Karras(2.0)]
# Noise that grows gently, so that few steps show an order.
PATHS = [VE(0.1, 5.0) if kind == "ve" else EDM(5.0) if kind == "edm" else schedules.build(kind) for kind in schedules.kinds]
PARTS = {
    "path": PATHS,
    "schedule": SCHEDULES,
    "row": ROWS,
    "any_solver": [solvers.build(kind) for kind in solvers.kinds],
    "grid": [grids.build(kind) for kind in grids.kinds],
    "time_law": [time_laws.build(kind) for kind in time_laws.kinds],
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for a kind of part on all parts of it, unless it chooses for itself."""
    chosen = {mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")}
    for name in sorted((PARTS.keys() & set(metafunc.fixturenames)) - chosen):
        metafunc.parametrize(name, PARTS[name], ids=_name)


def _name(part: object) -> str:
    return repr(part).replace("(", "-").replace(")", "").replace(", ", "-")


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    """Laws hold in float64."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)
