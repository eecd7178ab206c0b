"""The parts that the law tests run on: a part that is registered joins every law of its kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from geodrift.diagnostics.traces import traces
from geodrift.objectives.collocation import collocations
from geodrift.objectives.times import time_laws
from geodrift.parametrization import Linear, parametrizations
from geodrift.processes.accuracy import accuracies
from geodrift.registry import Role
from geodrift.schedules import EDM, VE, VP, KineticOptimal, MeanReverting, Separation, schedules
from geodrift.solvers import AdaptiveEulerMaruyama, solvers
from geodrift.solvers.grids import Trained, grids

# Noise that grows slowly, so that few steps show an order.
GENTLE = {"ve": VE(0.1, 5.0), "edm": EDM(5.0), "mean-reverting": MeanReverting(1.0, 0.1)}
CLOSE = Separation((0.01, 0.1, 1.0, 10.0, 100.0), (0.01, 0.12, 0.7, 0.97, 0.999))  # data that noise mixes up

COARSE = {"adaptive-euler-maruyama": AdaptiveEulerMaruyama(0.5, 0.5, shortest=0.01)}  # few steps, for speed


def _registered(table: Role, **instead: Any) -> list[Any]:
    """The parts of the core; those that a plugin adds, if one is loaded, are of its own data."""
    parts = {kind: instead.get(kind) or table.build(kind) for kind in table.kinds}
    return [
        pytest.param(part, id=kind) for kind, part in parts.items() if type(part).__module__.startswith("geodrift.")
    ]


PARTS = {
    "schedule": [
        *_registered(schedules),
        pytest.param(VP(0.5, 5.0), id="vp-slow"),
        pytest.param(VE(0.1, 5.0), id="ve-slow"),
        pytest.param(KineticOptimal(CLOSE), id="kinetic-optimal-close"),
    ],
    "path": _registered(schedules, **GENTLE),
    "row": [part for part in _registered(parametrizations) if isinstance(part.values[0], Linear)],
    "any_solver": _registered(solvers, **COARSE),
    "grid": _registered(grids, trained=Trained((1.0, 0.6, 0.1, 0.01))),
    "time_law": _registered(time_laws),
    "accuracy": _registered(accuracies),
    "trace": _registered(traces),
    "collocation": _registered(collocations),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for a kind of part on all parts of it, unless it chooses for itself."""
    chosen = {mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")}
    for name in sorted((PARTS.keys() & set(metafunc.fixturenames)) - chosen):
        metafunc.parametrize(name, PARTS[name])


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    """Laws hold in float64."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)
