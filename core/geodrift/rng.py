r"""Random numbers that belong to samples, not to batches.

Every sample has its own 64-bit key, and the :math:`d`-th draw at position :math:`p` of a sample is
:math:`\mathrm{mix}(\mathrm{mix}(\mathrm{key} + d\,c_1) + p\,c_2)` with the finaliser of SplitMix64: a counter-based
generator, vectorised over the batch. Sample :math:`i` therefore depends on the seed and on :math:`i` alone, not on
the batch it is drawn in, on padding or on how many processes share the work; and the whole random state of a run is
two integers.

References:
    | Fast Splittable Pseudorandom Number Generators (Steele, Lea, Flood, 2014), https://doi.org/10.1145/2660193.2660195
    | Parallel Random Numbers: As Easy as 1, 2, 3 (Salmon et al., 2011), https://doi.org/10.1145/2063384.2063405
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor

from geodrift.layout import Layout


def _signed(value: int) -> int:
    return (value & (2**64 - 1)) - 2**64 if value & 2**63 else value & (2**64 - 1)


_GOLDEN = _signed(0x9E3779B97F4A7C15)
_FIRST = _signed(0xBF58476D1CE4E5B9)
_SECOND = _signed(0x94D049BB133111EB)
_DRAW = _signed(0xD1342543DE82EF95)
_CHUNK = 1 << 13


def _shift(x: Tensor, bits: int) -> Tensor:
    return (x >> bits).bitwise_and_((1 << (64 - bits)) - 1)


def _mix(x: Tensor) -> Tensor:
    """The finaliser of SplitMix64, in place."""
    x.add_(_GOLDEN)
    x.bitwise_xor_(_shift(x, 30)).mul_(_FIRST)
    x.bitwise_xor_(_shift(x, 27)).mul_(_SECOND)
    return x.bitwise_xor_(_shift(x, 31))


def _unit(bits: Tensor) -> Tensor:
    return bits.bitwise_right_shift_(12).bitwise_and_(2**52 - 1).to(torch.float64).add_(0.5).mul_(2.0**-52)


def _normal(bits: Tensor) -> Tensor:
    """Normal numbers by inversion: 2u - 1 is exact, also in the tails."""
    return _unit(bits).mul_(2).sub_(1).erfinv_().mul_(math.sqrt(2))


class Streams:
    """One independent stream of random numbers a sample.

    Arguments:
        keys: One 64-bit key for each leading entry of the tensors to be drawn, `(B,)`, int64.
        places: The place of each leading entry among those with the same key, `(B,)`; zero if keys differ.
        part: Which of several processes has these samples of a batch, and how many there are: with `(r, R)` they are
            the samples `r, r + R, …` of it.
    """

    part: tuple[int, int] = (0, 1)

    def __init__(self, keys: Tensor, places: Tensor | int = 0, part: tuple[int, int] = (0, 1)) -> None:
        self._keys, self._places, self.part = keys, torch.as_tensor(places, device=keys.device), part
        self._draws = 0

    @classmethod
    def of(
        cls, seed: int, samples: Tensor | int, device: torch.device | str = "cpu", part: tuple[int, int] = (0, 1)
    ) -> Streams:
        """The streams of samples `0 … n - 1`, or of the samples with these indices, `(B,)`, of a run with this seed."""
        index = torch.arange(samples) if isinstance(samples, int) else samples
        start = _mix(torch.tensor(_signed(seed), dtype=torch.int64))
        return cls(_mix(start ^ _mix(index.to(torch.int64) * _DRAW)).to(device), part=part)

    def __len__(self) -> int:
        return len(self._keys)

    def to(self, device: torch.device | str) -> Streams:
        """The same streams, from their beginning, on another device."""
        return Streams(self._keys.to(device), self._places.to(device), self.part)

    def on(self, layout: Layout) -> Streams:
        """Streams for a field with this layout, split off from these; ragged rows get what padded ones would."""
        return _Split(self, self._count(), layout)

    def shared(self) -> Streams:
        """Streams whose draws are the same for all leading entries of a sample, split off from these."""
        return Streams(self._next())

    def split(self) -> Streams:
        """Streams of their own, split off from these: however much is drawn from them, these go on alike."""
        return Streams(self._next(), self._places)

    def at(self, number: Tensor | int) -> Streams:
        """The streams that belong to a number, whatever was drawn before.

        Arguments:
            number: One for all, one for each leading entry, `(B,)`, or several of them, `(L, B)`, for which there are
                as many streams, `L` times `B`.
        """
        keys = _mix(_mix(self._keys ^ _FIRST) + torch.as_tensor(number, device=self._keys.device) * _DRAW)
        return Streams(keys.flatten(), self._places.expand(keys.shape).flatten())

    def _count(self) -> int:
        self._draws += 1
        return self._draws

    def _next(self) -> Tensor:
        return self._mixed(self._count())

    def _mixed(self, draw: int) -> Tensor:
        return _mix(self._keys + _signed(draw * _DRAW))

    def _fill(self, like: Tensor, dtype: torch.dtype, map_: Callable[[Tensor], Tensor]) -> Tensor:
        """Numbers made of the bits of one draw, shaped like `like`, a chunk at a time: the integers need no memory."""
        rows, each = len(like), like.shape[1:].numel()
        keys, places = self._next(), self._places.expand(rows)
        out = torch.empty(rows, each, dtype=dtype, device=keys.device)
        for top in range(0, rows if each else 0, max(1, _CHUNK // max(each, 1))):
            part = slice(top, top + max(1, _CHUNK // each))
            for left in range(0, each, _CHUNK):
                within = torch.arange(left, min(left + _CHUNK, each), device=keys.device)
                positions = places[part, None] * each + within
                out[part, left : left + _CHUNK] = map_(_mix(positions.mul_(_GOLDEN).add_(keys[part, None])))
        return out.reshape(like.shape)

    def uniform(self, like: Tensor) -> Tensor:
        """Uniform numbers in (0, 1), shaped like `like`, in float64: the middles of 2⁵² equal intervals."""
        return self._fill(like, torch.float64, _unit)

    def normal(self, like: Tensor) -> Tensor:
        """Standard normal numbers, shaped and typed like `like`."""
        return self._fill(like, like.dtype, _normal)

    def categorical(self, probabilities: Tensor) -> Tensor:
        """Classes drawn from (unnormalised) `probabilities`, `(B, ..., K)` to `(B, ...)`, by inversion."""
        cdf = torch.cumsum(probabilities.to(torch.float64), -1)
        level = self.uniform(probabilities[..., 0]) * cdf[..., -1]
        drawn: Tensor = (cdf[..., :-1] <= level[..., None]).sum(-1)
        return drawn


class _Split(Streams):
    """Streams of a field, whose keys are made when first asked for: most steps of most solvers draw nothing."""

    def __init__(self, parent: Streams, draw: int, layout: Layout) -> None:
        self._parent, self._draw, self._layout, self._draws = parent, draw, layout, 0

    @cached_property
    def _keys(self) -> Tensor:  # type: ignore[override]
        return self._layout.spread(self._parent._mixed(self._draw))

    @cached_property
    def _places(self) -> Tensor:  # type: ignore[override]
        return torch.as_tensor(self._layout.places(), device=self._keys.device)
