"""A backward pass that keeps nothing of the way: what the constant-memory gradients share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable

from geodrift.denoiser import Conditions, Denoise
from geodrift.state import State

Tensors = tuple[Tensor, ...]


@dataclass(frozen=True, eq=False)
class Journey(ABC):
    """A way of a state that can be gone back.

    Arguments:
        denoise: The denoiser.
        like: A state with the layouts and the fields that do not move, or a tensor.
        times: Decreasing.
        cond: Conditions.
    """

    denoise: Denoise
    like: Any
    times: Tensor
    cond: Conditions

    @abstractmethod
    def forth(self, z: Any) -> tuple[Any, Any]:
        """The state at the last time, and what beside it the way back needs: a state like it."""

    @abstractmethod
    def back(self, z: Any, kept: Any, grad: Any) -> tuple[Any, list[Tensor]]:
        """The gradients of the start and of `inputs`, given the end, what was kept and the gradient of the end."""

    @property
    def inputs(self) -> Tensors:
        """Conditions and weights that ask for a gradient."""
        given = [value for value in self.cond.values() if value.requires_grad]
        return (*given, *weights(self.denoise))

    def arrive(self, z: Any) -> Any:
        """The state at the last time, with a gradient."""
        moved = _Back.apply(self, len(self.unpack(z)), *self.unpack(z), *self.inputs)  # type: ignore[no-untyped-call]
        return self.pack(moved)

    def unpack(self, z: Any) -> Tensors:
        """The real tensors of a state."""
        return tuple(v for v in z.values() if v.is_floating_point()) if isinstance(z, State) else (z,)

    def pack(self, tensors: Sequence[Tensor]) -> Any:
        """The state with these real tensors."""
        if not isinstance(self.like, State):
            return tensors[0]
        names = [name for name, v in self.like.items() if v.is_floating_point()]
        return self.like.replace(dict(zip(names, tensors, strict=True)))


class _Back(torch.autograd.Function):
    """Goes a journey and saves its end alone."""

    @staticmethod
    def forward(ctx: Any, journey: Journey, count: int, *tensors: Tensor) -> Tensors:
        end, kept = journey.forth(journey.pack([z.detach() for z in tensors[:count]]))
        out = journey.unpack(end)
        ctx.journey = journey
        ctx.save_for_backward(*out, *journey.unpack(kept))
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, *grads: Tensor) -> tuple[Tensor | None, ...]:
        journey: Journey = ctx.journey  # type: ignore[attr-defined]
        saved: Tensors = ctx.saved_tensors  # type: ignore[attr-defined]
        end, kept = journey.pack(saved[: len(grads)]), journey.pack(saved[len(grads) :])
        start, others = journey.back(end, kept, journey.pack(grads))
        return (None, None, *journey.unpack(start), *others)


def weights(denoise: Any) -> Tensors:
    """The weights that are trained of the module that a denoiser is, or wraps."""
    while denoise is not None and not isinstance(denoise, nn.Module):
        denoise = getattr(denoise, "denoise", None)
    return () if denoise is None else tuple(w for w in denoise.parameters() if w.requires_grad)


def pull(outputs: Tensors, inputs: Tensors, along: Tensors) -> list[Tensor]:
    """The gradient of the sum of `outputs` times `along`; zero for an input that does not matter."""
    used = [(v, w) for v, w in zip(outputs, along, strict=True) if v.requires_grad]
    if not used:
        return [torch.zeros_like(v) for v in inputs]
    found = torch.autograd.grad(
        [v for v, _ in used], inputs, [w for _, w in used], allow_unused=True, materialize_grads=True
    )
    return list(found)


def fresh(tensors: Tensors) -> Tensors:
    """The same numbers as new variables."""
    return tuple(v.detach().requires_grad_() for v in tensors)
