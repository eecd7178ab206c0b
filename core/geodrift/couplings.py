r"""Which source goes with which data in training.

A path needs a source and data of the right laws; how they are paired is free, and decides how much the paths cross.
Optimal transport within the batch makes them nearly straight: it minimises :math:`\sum_i |x_i - n_{\pi(i)}|^2` over
pairings, summed over all continuous fields. Pairs are only made between samples of the same conditions and the same
size, for otherwise the source of some condition would no longer have the law that sampling starts from.

References:
    | Improving and Generalizing Flow-Based Generative Models with Minibatch Optimal Transport (Tong et al., 2024), https://arxiv.org/abs/2302.00482
    | Multisample Flow Matching (Pooladian et al., 2023), https://arxiv.org/abs/2304.14772
    | Computational Optimal Transport (Peyré, Cuturi, 2019), section 4.4, https://arxiv.org/abs/1803.00567
    | The Curse of Conditions (Cheng, Schwing, 2025), https://arxiv.org/abs/2503.10636
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geodrift.errors import InputError
from geodrift.pairing import costs, groups, reorder
from geodrift.processes import Process
from geodrift.registry import Count, Positive, role
from geodrift.rng import Streams
from geodrift.state import State

Conditions = Mapping[str, Tensor]


class Coupling(ABC):
    """A joint law of source and data."""

    def left(self, cond: Conditions) -> Conditions:
        """The conditions that are for the network, not for the coupling alone."""
        return cond

    @abstractmethod
    def pair(self, process: Process, x: Any, cond: Conditions, rng: Streams) -> Any:
        """The source for each of the data `x`, or nothing where the process may draw it by itself."""


couplings = role("coupling", Coupling)


@couplings.register("independent")
@dataclass(frozen=True)
class Independent(Coupling):
    """No relation."""

    def pair(self, process: Process, x: Any, cond: Conditions, rng: Streams) -> None:
        return None


class _Transport(Coupling):
    """The source of a batch, redistributed within it by the costs of its pairs."""

    @abstractmethod
    def order(self, cost: Tensor, rng: Streams) -> Tensor:
        """For each of the data the index of its source, from the costs `(B, B)`; infinite where no pair is allowed."""

    def pair(self, process: Process, x: Any, cond: Conditions, rng: Streams) -> Any:
        n = process.partner(x, rng)
        kind = groups(x, cond)
        cost = costs(process, x, n).masked_fill(kind[:, None] != kind, math.inf)
        return reorder(n, self.order(cost, rng))


@couplings.register("assignment")
@dataclass(frozen=True)
class Assignment(_Transport):
    """Optimal transport within the batch: the pairing of least total cost."""

    def order(self, cost: Tensor, rng: Streams) -> Tensor:
        from scipy.optimize import linear_sum_assignment

        return torch.as_tensor(linear_sum_assignment(cost.double().cpu().numpy())[1], device=cost.device)


@couplings.register("sinkhorn")
@dataclass(frozen=True)
class Sinkhorn(_Transport):
    """Entropic optimal transport within the batch; each datum draws its source from its row of the plan.

    Arguments:
        blur: Weight of the entropy, in units of the mean cost; towards zero the plan is the assignment.
        iterations: Most times that both marginals are enforced.
        tolerance: Relative change of the columns at which they are taken as they are.
    """

    blur: Positive = 0.05
    iterations: Count = 200
    tolerance: Positive = 1e-3

    def order(self, cost: Tensor, rng: Streams) -> Tensor:
        return rng.categorical(self.plan(cost).to(cost))

    def plan(self, cost: Tensor) -> Tensor:
        """The probability of each pair, `(B, B)`: columns sum to one over the batch, rows too when converged."""
        finite = cost[torch.isfinite(cost)].double()
        log_kernel = -cost.double() / (self.blur * finite.mean()).clamp(min=torch.finfo(torch.float64).tiny)
        down = torch.zeros(len(cost), dtype=torch.float64, device=cost.device)
        across = down
        for _ in range(self.iterations):
            across, before = -torch.logsumexp(log_kernel + down[None, :], 1), down
            down = -torch.logsumexp(log_kernel + across[:, None], 0)
            if (down - before).abs().max() < self.tolerance:
                break
        return torch.exp(log_kernel + across[:, None] + down[None, :])


@couplings.register("paired")
@dataclass(frozen=True)
class Paired(Coupling):
    """A source that comes with each datum, as reflow gives it: the condition `key`, or `key.field` for each field.

    Arguments:
        key: Its name among the conditions; the network does not see it.
    """

    key: str = "source"

    def left(self, cond: Conditions) -> Conditions:
        return {name: value for name, value in cond.items() if name.split(".")[0] != self.key}

    def pair(self, process: Process, x: Any, cond: Conditions, rng: Streams) -> Any:
        if not isinstance(x, State):
            return self._of(self.key, x, cond)
        names = [name for name in x if f"{self.key}.{name}" in cond]
        if not names:
            raise InputError(f'no condition "{self.key}.{next(iter(x))}" with the source of a field; reflow gives them')
        fields = {name: self._of(f"{self.key}.{name}", x[name], cond) for name in names}
        return State(fields, {name: x.layouts[name] for name in names})

    def _of(self, key: str, x: Tensor, cond: Conditions) -> Tensor:
        if key not in cond:
            raise InputError(f'no condition "{key}" with the source of each datum; reflow gives them')
        return cond[key]
