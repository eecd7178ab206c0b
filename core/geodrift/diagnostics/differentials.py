r"""Derivatives of a batch of vectors :math:`u(v)`, sample by sample, each of which may be differentiated again.

A sample's output may depend on its own input alone; then one backward pass of the whole batch gives every sample's
:math:`w^\top J`. Applied twice it gives :math:`J d`, so that no forward mode is asked of a network.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel


@contextmanager
def differentiable() -> Iterator[None]:
    """Where gradients are taken whatever the caller does; the fused kernels of attention have no second derivative."""
    with torch.inference_mode(False), torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
        yield


def pull(u: Tensor, v: Tensor, w: Tensor) -> Tensor:
    """The products :math:`J^\\top w` of the Jacobians of `u` by `v`, with `w` shaped like `u`: shaped like `v`."""
    if not u.requires_grad:
        return torch.zeros_like(v)
    return _grad(u, v, w)


def push(u: Tensor, v: Tensor, d: Tensor) -> Tensor:
    """The products :math:`J d` of the Jacobians of `u` by `v`, with `d` shaped like `v`: shaped like `u`."""
    w = torch.zeros_like(u, requires_grad=True)
    pulled = pull(u, v, w)
    return _grad(pulled, w, d) if pulled.requires_grad else torch.zeros_like(u)


def rows(u: Tensor, v: Tensor, outputs: Tensor) -> Tensor:
    """The rows of the Jacobians of these entries of `u`, an index `(m,)`: `(B, m, D)`."""
    if not u.requires_grad:
        return v.new_zeros(len(v), len(outputs), v.shape[1])
    units = torch.eye(u.shape[1], dtype=u.dtype, device=u.device)[outputs]
    return pull_all(u, v, units[:, None].expand(-1, len(u), -1)).movedim(0, 1)


def pull_all(u: Tensor, v: Tensor, w: Tensor) -> Tensor:
    """`pull` for each of several `w`, `(P, B, D)`, at once."""
    if not u.requires_grad:
        return v.new_zeros(len(w), *v.shape)
    found: Tensor = torch.autograd.grad(
        u, v, w, create_graph=True, is_grads_batched=True, allow_unused=True, materialize_grads=True
    )[0]
    return found


def _grad(u: Tensor, v: Tensor, w: Tensor) -> Tensor:
    return torch.autograd.grad(u, v, w, create_graph=True, allow_unused=True, materialize_grads=True)[0]
