r"""A Brownian path with its space-time area.

The area over an interval is :math:`A = \int (W_u - \text{chord})\,du`, normal with variance :math:`h^3 / 12` for the
length :math:`h` and independent of the increment :math:`W`. Both halves of an interval follow from both numbers of the
whole and two standard normal ones,

.. math:: W_l = \tfrac{1}{2} W + \tfrac{3}{2} \tfrac{A}{h} + \tfrac{\sqrt h}{4} \xi_1, \qquad
   A_l = \tfrac{h}{2} \left(\tfrac{A}{4 h} - \tfrac{\sqrt h}{8} \xi_1 + \sqrt{\tfrac{h}{48}}\,\xi_2\right),

and two neighbours of lengths :math:`l, r` join to :math:`A = A_l + A_r + \frac{1}{2} (r W_l - l W_r)` (Chen). What
cannot be halved further is taken in the mean.

References:
    | On Neural Differential Equations (Kidger, 2022), section 5.5, https://arxiv.org/abs/2202.02435
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from geodrift.brownian import each
from geodrift.layout import trailing
from geodrift.rng import Streams


class Stretch(NamedTuple):
    """A stretch of a path: its length, its increment and its area."""

    h: Tensor
    w: Tensor
    a: Tensor

    def then(self, other: Stretch) -> Stretch:
        """The two as one."""
        area = self.a + other.a + (other.h * self.w - self.h * other.w) / 2
        return Stretch(self.h + other.h, self.w + other.w, area)

    def without(self, first: Stretch) -> Stretch:
        """What is left of the stretch after the first part."""
        h, w = self.h - first.h, self.w - first.w
        return Stretch(h, w, self.a - first.a - (h * first.w - first.h * w) / 2)

    def half(self, rng: Streams) -> Stretch:
        """The left half."""
        h, one, two = self.h, rng.normal(self.w), rng.normal(self.w)
        area = h / 2 * (self.a / (4 * h) - h.sqrt() / 8 * one + (h / 48).sqrt() * two)
        return Stretch(h / 2, self.w / 2 + 1.5 * self.a / h + h.sqrt() / 4 * one, area)

    def start(self, share: Tensor) -> Stretch:
        """The first share, in the mean."""
        w = share * self.w + 6 * share * (1 - share) * self.a / self.h
        return Stretch(share * self.h, w, share**3 * self.a)


@dataclass(frozen=True, eq=False)
class LevyTree:
    """A Brownian path on the unit interval that knows its areas; another one than the `BrownianTree` of its streams.

    Arguments:
        like: A tensor `(B, ...)` or a state with the shapes, types and layouts of the path.
        rng: One stream for each sample; the path depends on its key alone.
        levels: Halvings.
    """

    like: Any
    rng: Streams
    levels: int = 20

    def __call__(self, t: Tensor | float) -> Any:
        """The path at a time, or at one time for each sample, `(B,)`."""
        return each(self.like, self.rng, lambda like, rng, u: self._until(like, rng, u).w, t)

    def increment(self, t: Tensor | float, s: Tensor | float) -> Any:
        """How far the path goes from `t` to `s`."""
        return self(s) - self(t)

    def area(self, t: Tensor | float, s: Tensor | float) -> Any:
        """The space-time area from `t` to `s > t`."""

        def between(like: Tensor, rng: Streams, u: Tensor, v: Tensor) -> Tensor:
            return self._until(like, rng, v).without(self._until(like, rng, u)).a

        return each(self.like, self.rng, between, t, s)

    def _until(self, like: Tensor, rng: Streams, t: Tensor) -> Stretch:
        """The path from zero to one time for each leading entry."""
        root, one = rng.at(0), torch.ones_like(like)
        here = Stretch(one, root.normal(like), root.normal(like) / 12**0.5)
        done = Stretch(*(torch.zeros_like(v) for v in here))
        begin, node = torch.zeros_like(t), torch.ones_like(t, dtype=torch.int64)
        for depth in range(1, self.levels + 1):
            left = here.half(rng.at(node))
            further = t >= begin + 2.0**-depth
            passed = trailing(further, like)
            done = Stretch(*(torch.where(passed, a, b) for a, b in zip(done.then(left), done, strict=True)))
            here = Stretch(*(torch.where(passed, a, b) for a, b in zip(here.without(left), left, strict=True)))
            node, begin = 2 * node + further, begin + 2.0**-depth * further
        return done.then(here.start(trailing((t - begin) * 2.0**self.levels, like).to(like)))
