r"""A Brownian path that can be asked at any time, in any order.

The path is Lévy's construction: the unit interval is halved again and again, and the middle of each half is a standard
normal number :math:`\xi` of its own away from the straight line between its ends,

.. math:: W_t = t\,\xi_0 + \sum_{d < D} \tfrac{1}{2}\, 2^{-d / 2}\, \Lambda(2^d t - k)\,\xi_{d, k}, \qquad
   k = \lfloor 2^d t \rfloor, \quad \Lambda(u) = 1 - |2 u - 1|.

The numbers are those of a counter that says which half of which sample is meant. Nothing is stored, every sample may
ask at a time of its own, and the same time gives the same bits: a virtual Brownian tree.

References:
    | Processus stochastiques et mouvement brownien (Lévy, 1948)
    | Scalable Gradients for Stochastic Differential Equations (Li et al., 2020), https://arxiv.org/abs/2001.01328
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geodrift.errors import InputError
from geodrift.layout import trailing
from geodrift.rng import Streams
from geodrift.state import State

_AT_ONCE = 2**18  # numbers drawn together


@dataclass(frozen=True, eq=False)
class BrownianTree:
    """A Brownian path on the unit interval, zero at zero, for each entry of a tensor or of the real fields of a state.

    Arguments:
        like: A tensor `(B, ...)` or a state with the shapes, types and layouts of the path.
        rng: One stream for each sample; the path depends on its key alone, not on what was drawn before.
        levels: Halvings, :math:`D`: between multiples of :math:`2^{-D}` the path is straight.
    """

    like: Any
    rng: Streams
    levels: int = 20

    def __call__(self, t: Tensor | float) -> Any:
        """The path at a time, or at one time for each sample, `(B,)`."""
        return each(self.like, self.rng, self._walk, t)

    def increment(self, t: Tensor | float, s: Tensor | float) -> Any:
        """How far the path goes from `t` to `s`; negative of the way back."""
        return self(s) - self(t)

    def _walk(self, like: Tensor, rng: Streams, t: Tensor) -> Tensor:
        """The path of one tensor at one time for each leading entry."""
        w = trailing(t, like).to(like) * rng.at(0).normal(like)
        for depths in torch.split(torch.arange(self.levels, device=t.device), max(1, _AT_ONCE // max(1, like.numel()))):
            halves = 2.0 ** depths[:, None]
            place = torch.minimum((halves * t).floor(), halves - 1)
            noise = rng.at((halves + place).long()).normal(like.new_empty(len(depths) * len(like), *like.shape[1:]))
            height = (1 - torch.abs(2 * (halves * t - place) - 1)) / (2 * halves.sqrt())
            for scale, xi in zip(height, noise.view(len(depths), *like.shape), strict=True):
                w = w + trailing(scale, like).to(like) * xi
        return w


Ask = Callable[..., Tensor]


def each(like: Any, rng: Streams, ask: Ask, *times: Tensor | float) -> Any:
    """Ask the paths of all real fields, each with streams of its own; the classes of a state have none.

    Raises:
        InputError: Outside of the unit interval.
    """
    state = like if isinstance(like, State) else State({"": like})
    at = [torch.as_tensor(t, dtype=torch.float64, device=state.device).expand(state.samples) for t in times]
    if any(bool(((t < 0) | (t > 1)).any()) for t in at):
        raise InputError("a Brownian path lives on the times 0 to 1 and is asked for another")
    fields = {}
    for place, (name, z) in enumerate(state.items()):
        layout = state.layouts[name]
        own = rng.at(place).on(layout)
        fields[name] = ask(z, own, *map(layout.spread, at)) if z.is_floating_point() else torch.zeros_like(z)
    return state.replace(fields) if isinstance(like, State) else fields[""]
