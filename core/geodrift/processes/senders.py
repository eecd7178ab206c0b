r"""The accuracies of the published periodic Bayesian flow: :math:`n` von Mises observations on an entropy line.

Concentrations :math:`\beta_i` have entropies on the line from :math:`H(0)` to :math:`H(\beta_n)`; the accuracy
:math:`a_i` of the sender at step :math:`i` is the one whose expected update has that length,

.. math:: E_{y \sim \mathrm{vM}(0, a_i)} |\beta_{i-1} + a_i e^{i y}| = \beta_i.

The expectation is the trapezoidal rule on the circle, which converges exponentially, and the roots of all steps are
found together by bisection. The published search draws samples instead, one step after the other.

References:
    | A Periodic Bayesian Flow for Material Generation (Wu et al., 2025), https://arxiv.org/abs/2502.02016
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from geodrift.von_mises import entropy

_NODES, _HALVINGS = 1024, 50


@lru_cache(maxsize=16)
def table(steps: int, total: float) -> np.ndarray:
    """The accuracies of the senders, `(steps,)`, in float64, for a last concentration `total`."""
    most = torch.tensor(total, dtype=torch.float64)
    share = torch.arange(1, steps + 1, dtype=torch.float64) / steps
    level = math.log(2 * math.pi) * (1 - share) + share * entropy(most)
    after = _root(lambda c: level - entropy(c), torch.zeros_like(level), most.expand(steps))
    before = torch.cat([after.new_zeros(1), after[:-1]])
    found = _root(lambda a: _expected(before, a) - after, after - before, most.expand(steps))
    return np.asarray(torch.cat([after[:1], found[1:]]).numpy())


def _expected(before: Tensor, accuracy: Tensor) -> Tensor:
    """The expected length of evidence `before` in the true direction and a sender's."""
    y = 2 * math.pi * torch.arange(_NODES, dtype=torch.float64) / _NODES
    weights = torch.exp(accuracy[:, None] * (torch.cos(y) - 1))
    across, along = accuracy[:, None] * torch.sin(y), before[:, None] + accuracy[:, None] * torch.cos(y)
    return (weights * torch.hypot(along, across)).sum(1) / weights.sum(1)


def _root(function: Callable[[Tensor], Tensor], low: Tensor, high: Tensor) -> Tensor:
    """Where increasing functions cross zero, elementwise."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        above = function(middle) > 0
        low, high = torch.where(above, low, middle), torch.where(above, middle, high)
    return (low + high) / 2
