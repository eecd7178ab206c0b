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

import torch
from torch import Tensor

from geodrift.layout import Layout


def _signed(value: int) -> int:
    return (value & (2**64 - 1)) - 2**64 if value & 2**63 else value & (2**64 - 1)


_GOLDEN = _signed(0x9E3779B97F4A7C15)
_FIRST = _signed(0xBF58476D1CE4E5B9)
_SECOND = _signed(0x94D049BB133111EB)
_DRAW = _signed(0xD1342543DE82EF95)


def _shift(x: Tensor, bits: int) -> Tensor:
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def _mix(x: Tensor) -> Tensor:
    x = x + _GOLDEN
    x = (x ^ _shift(x, 30)) * _FIRST
    x = (x ^ _shift(x, 27)) * _SECOND
    return x ^ _shift(x, 31)


class Streams:
    """One independent stream of random numbers a sample.

    Arguments:
        keys: One 64-bit key for each leading entry of the tensors to be drawn, `(B,)`, int64.
        places: The place of each leading entry among those with the same key, `(B,)`; zero if keys differ.
    """

    def __init__(self, keys: Tensor, places: Tensor | int = 0) -> None:
        self._keys, self._places = keys, torch.as_tensor(places, device=keys.device)
        self._draws = 0

    @classmethod
    def of(cls, seed: int, samples: Tensor | int, device: torch.device | str = "cpu") -> Streams:
        """The streams of samples `0 … n - 1`, or of the samples with these indices, `(B,)`, of a run with this seed."""
        index = torch.arange(samples) if isinstance(samples, int) else samples
        start = _mix(torch.tensor(_signed(seed), dtype=torch.int64))
        return cls(_mix(start ^ _mix(index.to(torch.int64) * _DRAW)).to(device))

    def __len__(self) -> int:
        return len(self._keys)

    def to(self, device: torch.device | str) -> Streams:
        """The same streams, from their beginning, on another device."""
        return Streams(self._keys.to(device), self._places.to(device))

    def on(self, layout: Layout) -> Streams:
        """Streams for a field with this layout, split off from these; ragged rows get what padded ones would."""
        return Streams(layout.spread(self._next()), layout.places())

    def shared(self) -> Streams:
        """Streams whose draws are the same for all leading entries of a sample, split off from these."""
        return Streams(self._next())

    def at(self, number: Tensor | int) -> Streams:
        """The streams that belong to a number, whatever was drawn before.

        Arguments:
            number: One for all, one for each leading entry, `(B,)`, or several of them, `(L, B)`, for which there are
                as many streams, `L` times `B`.
        """
        keys = _mix(_mix(self._keys ^ _FIRST) + torch.as_tensor(number, device=self._keys.device) * _DRAW)
        return Streams(keys.flatten(), self._places.expand(keys.shape).flatten())

    def _next(self) -> Tensor:
        self._draws += 1
        return _mix(self._keys + _signed(self._draws * _DRAW))

    def _bits(self, shape: torch.Size) -> Tensor:
        each, lead = shape[1:].numel(), (-1,) + (1,) * (len(shape) - 1)
        within = torch.arange(each, device=self._keys.device).reshape(shape[1:])
        positions = self._places.reshape(lead) * each + within
        return _mix(self._next().reshape(lead) + positions * _GOLDEN)

    def uniform(self, like: Tensor) -> Tensor:
        """Uniform numbers in (0, 1), shaped like `like`, in float64: the middles of 2⁵² equal intervals."""
        return (_shift(self._bits(like.shape), 12).to(torch.float64) + 0.5) * 2.0**-52

    def normal(self, like: Tensor) -> Tensor:
        """Standard normal numbers, shaped and typed like `like`."""
        drawn: Tensor = torch.special.ndtri(self.uniform(like))
        return drawn.to(like.dtype)

    def categorical(self, probabilities: Tensor) -> Tensor:
        """Classes drawn from (unnormalised) `probabilities`, `(B, ..., K)` to `(B, ...)`, by inversion."""
        cdf = torch.cumsum(probabilities.to(torch.float64), -1)
        level = self.uniform(probabilities[..., 0]) * cdf[..., -1]
        drawn: Tensor = (cdf[..., :-1] <= level[..., None]).sum(-1)
        return drawn
