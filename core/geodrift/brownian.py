r"""A Brownian path that can be asked at any time, in any order.

The virtual Brownian tree halves the unit interval around the time that is asked for, and each half is drawn given the
whole, from the random numbers that belong to its node of the tree. Nothing is stored, every sample may ask at a time
of its own, and the same time gives the same bits. With :math:`W` the increment over an interval of length :math:`h`,
its left half is

.. math:: W_l = \tfrac{1}{2} W + \tfrac{1}{2} \sqrt h\,\xi, \qquad W_r = W - W_l.

A path may also be asked for its space-time area, :math:`A = \int (W_u - \text{chord})\,du` over an interval, normal
with variance :math:`h^3 / 12` and independent of :math:`W`. Then

.. math:: W_l = \tfrac{1}{2} W + \tfrac{3}{2} \tfrac{A}{h} + \tfrac{\sqrt h}{4} \xi_1, \qquad
   A_l = \tfrac{h}{2} \left(\tfrac{A}{4 h} - \tfrac{\sqrt h}{8} \xi_1 + \sqrt{\tfrac{h}{48}}\,\xi_2\right),

and two neighbours of lengths :math:`l, r` join to :math:`A = A_l + A_r + \frac{1}{2} (r W_l - l W_r)` (Chen).

References:
    | Scalable Gradients for Stochastic Differential Equations (Li et al., 2020), https://arxiv.org/abs/2001.01328
    | On Neural Differential Equations (Kidger, 2022), section 5.5, https://arxiv.org/abs/2202.02435
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geodrift.errors import InputError
from geodrift.layout import Dense, Layout, trailing
from geodrift.rng import Streams
from geodrift.state import State

Stretch = tuple[Tensor, ...]
"""What a path does over an interval: its increment, and its area where that is known."""


class Halving(ABC):
    """What is known of a path over an interval, and how two neighbours share it."""

    @abstractmethod
    def whole(self, like: Tensor, rng: Streams) -> Stretch:
        """The path over the unit interval."""

    @abstractmethod
    def left(self, whole: Stretch, h: Tensor | float, rng: Streams) -> Stretch:
        """The left half of an interval of length `h`."""

    @abstractmethod
    def start(self, whole: Stretch, h: float, share: Tensor) -> Stretch:
        """The first share of an interval of length `h`, in the mean."""

    @abstractmethod
    def join(self, left: Stretch, right: Stretch, l: Tensor | float, r: Tensor | float) -> Stretch:  # noqa: E741
        """Two neighbours of lengths `l` and `r` as one."""

    @abstractmethod
    def rest(self, whole: Stretch, left: Stretch, l: Tensor | float, r: Tensor | float) -> Stretch:  # noqa: E741
        """The right neighbour that is missing from the whole."""


@dataclass(frozen=True)
class Increments(Halving):
    """The increment alone."""

    def whole(self, like: Tensor, rng: Streams) -> Stretch:
        return (rng.normal(like),)

    def left(self, whole: Stretch, h: Tensor | float, rng: Streams) -> Stretch:
        (w,) = whole
        return (w / 2 + h**0.5 / 2 * rng.normal(w),)

    def start(self, whole: Stretch, h: float, share: Tensor) -> Stretch:
        return (share * whole[0],)

    def join(self, left: Stretch, right: Stretch, l: Tensor | float, r: Tensor | float) -> Stretch:  # noqa: E741
        return (left[0] + right[0],)

    def rest(self, whole: Stretch, left: Stretch, l: Tensor | float, r: Tensor | float) -> Stretch:  # noqa: E741
        return (whole[0] - left[0],)


@dataclass(frozen=True)
class Areas(Halving):
    """The increment and the space-time area."""

    def whole(self, like: Tensor, rng: Streams) -> Stretch:
        return rng.normal(like), rng.normal(like) / 12**0.5

    def left(self, whole: Stretch, h: Tensor | float, rng: Streams) -> Stretch:
        (w, a), one, two = whole, rng.normal(whole[0]), rng.normal(whole[0])
        area = h / 2 * (a / (4 * h) - h**0.5 / 8 * one + (h / 48) ** 0.5 * two)
        return w / 2 + 1.5 * a / h + h**0.5 / 4 * one, area

    def start(self, whole: Stretch, h: float, share: Tensor) -> Stretch:
        w, a = whole
        return share * w + 6 * share * (1 - share) * a / h, share**3 * a

    def join(self, left: Stretch, right: Stretch, l: Tensor | float, r: Tensor | float) -> Stretch:  # noqa: E741
        return left[0] + right[0], left[1] + right[1] + (r * left[0] - l * right[0]) / 2

    def rest(self, whole: Stretch, left: Stretch, l: Tensor | float, r: Tensor | float) -> Stretch:  # noqa: E741
        w = whole[0] - left[0]
        return w, whole[1] - left[1] - (r * left[0] - l * w) / 2


@dataclass(frozen=True, eq=False)
class BrownianTree:
    """A Brownian path on the unit interval, zero at zero, for each entry of a tensor or of the fields of a state.

    Arguments:
        like: A tensor `(B, ...)` or a state with the shapes, types and layouts of the path.
        rng: One stream for each sample; the path depends on its key alone, not on what was drawn before.
        levels: Halvings: between multiples of :math:`2^{-levels}` the path is its mean.
        halving: What is known of the path.
    """

    like: Any
    rng: Streams
    levels: int = 20
    halving: Halving = Increments()  # noqa: RUF009 - frozen

    def __call__(self, t: Tensor | float) -> Any:
        """The path at a time, or at one time for each sample, `(B,)`."""
        return self._each(lambda path, u: path.until(u)[0], t)

    def increment(self, t: Tensor | float, s: Tensor | float) -> Any:
        """How far the path goes from `t` to `s`; additive, so negative where `s < t`."""
        return self(s) - self(t)

    def area(self, t: Tensor | float, s: Tensor | float) -> Any:
        """The space-time area from `t` to `s > t`, of a path that knows its areas."""
        if not isinstance(self.halving, Areas):
            raise InputError("this Brownian path knows its increments alone; make it with halving=Areas()")
        return self._each(lambda path, u, v: path.between(u, v)[1], t, s)

    def _each(self, ask: Any, *times: Tensor | float) -> Any:
        state = self.like if isinstance(self.like, State) else State({"": self.like})
        at = [_time(t, state.device) for t in times]
        fields = {}
        for place, (name, z) in enumerate(state.items()):
            if not z.is_floating_point():
                fields[name] = torch.zeros_like(z)  # classes have no path
                continue
            layout: Layout = state.layouts.get(name, Dense())
            path = _Path(z, self.rng.at(place).on(layout), self.levels, self.halving)
            fields[name] = ask(path, *(layout.spread(t) for t in at))
        return state.replace(fields) if isinstance(self.like, State) else fields[""]


def _time(t: Tensor | float, device: torch.device) -> Tensor:
    time = torch.as_tensor(t, dtype=torch.float64, device=device)
    if bool(((time < 0) | (time > 1)).any()):
        raise InputError("a Brownian path lives on the times 0 to 1 and is asked for another")
    return time


@dataclass(frozen=True, eq=False)
class _Path:
    """The path of one tensor; times are scalars or one for each leading entry."""

    like: Tensor
    rng: Streams
    levels: int
    halving: Halving

    def until(self, t: Tensor) -> Stretch:
        """The path from zero to `t`."""
        halving = self.halving
        here = halving.whole(self.like, self.rng.at(0))
        done = tuple(torch.zeros_like(v) for v in here)
        begin, node, h = torch.zeros_like(t), torch.ones_like(t, dtype=torch.int64), 1.0
        for _ in range(self.levels):
            left = halving.left(here, h, self.rng.at(node))
            right = halving.rest(here, left, h / 2, h / 2)
            further = t >= begin + h / 2
            passed, on = trailing(further, self.like), trailing(begin, self.like).to(self.like)
            joined = halving.join(done, left, on, h / 2)
            done = tuple(torch.where(passed, a, b) for a, b in zip(joined, done, strict=True))
            here = tuple(torch.where(passed, a, b) for a, b in zip(right, left, strict=True))
            node, h = 2 * node + further, h / 2
            begin = torch.where(further, begin + h, begin)
        share, before = (trailing(v, self.like).to(self.like) for v in ((t - begin) / h, begin))
        return halving.join(done, halving.start(here, h, share), before, share * h)

    def between(self, t: Tensor, s: Tensor) -> Stretch:
        """The path from `t` to `s`."""
        lengths = (trailing(v, self.like).to(self.like) for v in (t, s - t))
        return self.halving.rest(self.until(s), self.until(t), *lengths)
