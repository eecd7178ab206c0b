r"""Whether what a solver samples has the law that the process was made of, within the noise of sampling itself.

Two samples of one law are apart too: that floor is measured between independent reference samples, and a sampler
passes at :math:`1.5` times it. Real numbers are apart by the Wasserstein distance :math:`W_2`, exact: by sorting in
one dimension, by optimal assignment in more; beside it each direction has its Kolmogorov–Smirnov statistic. Classes
enter as one-hot vectors, whose distance counts the places that differ.

References:
    | Computational Optimal Transport (Peyré, Cuturi, 2019), sections 2.2 and 2.6, https://arxiv.org/abs/1803.00567
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn.functional import one_hot

from geodrift.errors import InputError
from geodrift.processes import Flow, Process, has_score
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.solvers import Ancestral, EulerMaruyama, Solver, heun
from geodrift.solvers.grids import Grid, Uniform
from geodrift.state import State
from geodrift.testing.exact import Exact, Law

SLACK = 1.5
ROUTES: dict[str, Solver] = {
    "ode": heun(),
    "sde-half": EulerMaruyama(scale=0.5),
    "sde-double": EulerMaruyama(scale=2.0),
    "ancestral": Ancestral(),
}
"""The ways to sample; each process takes those that admit it."""


@dataclass(frozen=True, eq=False)
class Case:
    """A process with data whose law is known.

    Arguments:
        process: The process.
        law: The law of the data.
        like: One sample with the shapes to generate, `(1, ...)` or a dense state of one.
        classes: The number of classes of each field that holds some, by name; the empty name for a tensor.
        grid: Where to place the times.
        steps: Steps of a solver.
        count: Samples that are compared at once; assignments take the cube of their number.
        repeats: Independent comparisons, whose mean is the distance.
    """

    process: Process
    law: Law
    like: Any
    classes: dict[str, int] | None = None
    grid: Grid = field(default_factory=Uniform)
    steps: int = 60
    count: int = 250
    repeats: int = 8

    def generated(self, route: str, seed: int = 0) -> Tensor:
        """Samples by this route, as vectors `(repeats count, D)`.

        Raises:
            InputError: When the route cannot move this process.
        """
        total = self.repeats * self.count
        rng, like = Streams.of(seed, total), _repeated(self.like, total)
        exact = Exact(self.process, self.law)
        return self.vectors(sample(exact, like, ROUTES[route], rng, steps=self.steps, grid=self.grid))

    def reference(self, seed: int, repeats: int) -> Tensor:
        """So many samples of the law, as vectors `(repeats count, D)`."""
        total = repeats * self.count
        return self.vectors(self.law.sample(Streams.of(seed, total), total))

    def vectors(self, x: Any) -> Tensor:
        """Data as vectors, classes one-hot with the length one half of a unit, so that two are one apart."""
        fields, classes = (x if isinstance(x, State) else {"": x}), self.classes or {}
        columns = [
            one_hot(v, classes[name]).double() * 0.5**0.5 if name in classes else v.double()
            for name, v in fields.items()
        ]
        return torch.cat([column.flatten(1) for column in columns], 1)

    def routes(self) -> list[str]:
        """The routes that the process admits."""
        times = self.grid(self.steps, self.process)
        return [name for name, solver in ROUTES.items() if _admits(solver, self.process, times)]


def expected_routes(process: Process) -> set[str]:
    """The routes that a process ought to admit: every real field flows, and has an SDE where all have a score."""
    parts = process.leaves.values()
    real = [part for part in parts if isinstance(part, Flow)]
    routes = {"ancestral"} if all(has_score(part) for part in real) else set()
    routes |= {"ode"} if real else set()
    return routes | ({"sde-half", "sde-double"} if real and all(has_score(part) for part in real) else set())


def wasserstein(a: Tensor, b: Tensor) -> float:
    """The distance :math:`W_2` of two samples of the same size, `(n, D)`, each point with the same weight."""
    if a.shape[1] == 1:
        return float(torch.square(a[:, 0].sort()[0] - b[:, 0].sort()[0]).mean().sqrt())
    costs = torch.square(torch.cdist(a, b)).numpy()
    rows, columns = linear_sum_assignment(costs)
    return float(np.sqrt(costs[rows, columns].mean()))


def floor(case: Case) -> float:
    """The mean distance of two reference samples, over more of them than are generated."""
    return apart(case, case.reference(101, 3 * case.repeats))


def apart(case: Case, found: Tensor) -> float:
    """The mean distance of samples, `count` at a time, from reference samples."""
    repeats = len(found) // case.count
    pairs = zip(found.chunk(repeats), case.reference(102, repeats).chunk(repeats), strict=True)
    return sum(wasserstein(one, other) for one, other in pairs) / repeats


def _admits(solver: Solver, process: Process, times: Tensor) -> bool:
    try:
        solver.admit(process, times)
    except InputError:
        return False
    return True


def _repeated(like: Any, count: int) -> Any:
    def spread(x: Tensor) -> Tensor:
        return x.expand(count, *x.shape[1:])

    return like.map(spread) if isinstance(like, State) else spread(like)
