r"""A network wearing a process.

The process prepares what the network sees and says what its output means, so that any network of the right shape
serves any process, and solvers ask for predictions without knowing either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import cached_property
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from geodrift import compilation
from geodrift.errors import InputError
from geodrift.precision import has_bfloat16
from geodrift.processes import Process
from geodrift.state import State

Conditions = Mapping[str, Tensor]


class Denoise(Protocol):
    """What solvers move with: a denoiser, a guided one, or an exact one."""

    process: Process

    def __call__(self, z: Any, t: Any, cond: Conditions | None = None) -> Any: ...


def samples(z: Tensor | State) -> int:
    """The number of samples of a batch."""
    return z.samples if isinstance(z, State) else len(z)


def _clock(t: Any, z: Any) -> Any:
    if isinstance(t, Mapping):
        return {name: _clock(own, z) for name, own in t.items()}
    return torch.as_tensor(t, dtype=torch.get_default_dtype(), device=z.device).expand(samples(z))


def _full(raw: Tensor) -> Tensor:
    return raw.to(torch.get_default_dtype())


def _lost(z: Tensor | State) -> str:
    """Which fields hold no finite number in an element that exists: sums tell, and need no memory."""
    sums = {name: z.layouts[name].sum(v) for name, v in z.items()} if isinstance(z, State) else {"the state": z.sum()}
    return ", ".join(name for name, total in sums.items() if not torch.isfinite(total).all())


def _check(raw: Tensor | State, z: Tensor | State, t: Any) -> None:
    if not (bad := _lost(raw)):
        return
    when = max(float(torch.as_tensor(own).max()) for own in (t.values() if isinstance(t, Mapping) else (t,)))
    if before := _lost(z):
        cause = f"so was the state before ({before}): take more steps, less guidance or another solver"
    else:
        cause = "the state was finite: the weights are broken, or these are no conditions for them"
    raise InputError(f"sampling: what the network says of {bad} is not finite at time {when:.3g}; {cause}")


class Denoiser(nn.Module):
    """Predicts the data of a noisy state.

    Arguments:
        network: Maps what the process shows it, times `(B,)`, or one `(B,)` for each field where fields have clocks of
            their own, and conditions `(B,)` to raw outputs.
        process: The process it was trained on.
        mixed: Run the network in bfloat16 when sampling, where the device has it; the process keeps full precision.
        compiled: Compile the network when sampling.
    """

    def __init__(self, network: nn.Module, process: Process, mixed: bool = False, *, compiled: bool = False) -> None:
        super().__init__()
        self.network = network
        self.process = process
        self.mixed = mixed
        self.compiled = compiled
        self.calls = 0

    def raw(self, z: Any, t: Any, cond: Conditions | None = None) -> Any:
        """The network's output.

        Raises:
            InputError: Outside of training, when it is not finite: with the field, the time and the likely cause.
        """
        self.calls += 1
        inputs = self.process.inputs(z, t)
        reduced = self.mixed and not self.training and has_bfloat16(z.device.type)
        network = self._fused if self.compiled and not self.training else self.network
        with torch.autocast(z.device.type, torch.bfloat16) if reduced else nullcontext():
            raw = network(inputs, _clock(t, z), cond or {})
        raw = raw.map(_full) if isinstance(raw, State) else _full(raw)
        if not self.training:  # which names a loss that is not finite by itself
            _check(raw, z, t)
        return raw

    @cached_property
    def _fused(self) -> Callable[..., Any]:
        return compilation.compiled(self.network)

    def forward(self, z: Any, t: Any, cond: Conditions | None = None) -> Any:
        return self.process.resolve(self.raw(z, t, cond), z, t)
