"""Promises that a plugin's parts make, as assertions to run on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from geodrift.denoiser import Conditions, Denoise
from geodrift.state import State
from geodrift.testing.states import assert_same, pick, widen

Act = Callable[[Any], Any]


def assert_equivariant(function: Act, x: Any, act: Act, after: Act | None = None, atol: float = 1e-5) -> None:
    """Acting before `function` is acting after it.

    Arguments:
        function: What is tested, of one argument.
        x: That argument.
        act: The action on the argument, for one the exchange of two nodes.
        after: The action on the result, if it is another one.
        atol: The largest difference.
    """
    assert_same(function(act(x)), (after or act)(function(x)), rtol=atol, atol=atol)


def assert_invariant(function: Act, x: Any, act: Act, atol: float = 1e-5) -> None:
    """Acting on `x` leaves the result of `function` as it is."""
    assert_equivariant(function, x, act, lambda result: result, atol)


def assert_padding_ignored(
    function: Callable[[State], State], x: State, extra: Mapping[str, int], fill: float = 7, atol: float = 0.0
) -> None:
    """More padding, filled with any number, changes no element that exists, and what does not exist stays zero."""
    wide = function(widen(x, extra, fill))
    assert_same(wide, wide.masked())
    narrow = {name: z[:, : x[name].shape[1]] for name, z in wide.items()}
    assert_same(narrow, dict(function(x)), rtol=atol, atol=atol)


def assert_batch_invariant(
    function: Callable[[Tensor], Any], count: int, sizes: tuple[int, ...] = (1, 3), **close: float
) -> None:
    """A sample does not depend on its batch mates.

    Arguments:
        function: The result for the samples with given indices, `(b,)`.
        count: The number of samples.
        sizes: Batch sizes that are compared with one batch of all.
        close: Tolerances, `rtol` and `atol`; none by default.
    """
    everything = function(torch.arange(count))
    for size in sizes:
        for chunk in torch.split(torch.arange(count), size):
            assert_same(function(chunk), pick(everything, chunk), **close)


class Counted:
    """A denoiser that counts how often it is asked."""

    def __init__(self, denoise: Denoise) -> None:
        self.denoise, self.process, self.calls = denoise, denoise.process, 0

    def __call__(self, z: Any, t: Any, cond: Conditions | None = None) -> Any:
        self.calls += 1
        return self.denoise(z, t, cond)
