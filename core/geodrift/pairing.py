r"""Every sample of a batch against every other: costs, kinds, and a new order.

A cost is the squared length of the logarithm from data to source on the space of the field, over the elements that
exist. Only samples of one kind, the same conditions and the same sizes, are ever paired, so that padded and ragged
fields reorder without a change of shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from geodrift.layout import Dense, Layout, Padded, Ragged, trailing
from geodrift.processes import Process
from geodrift.spaces import Euclidean, Space
from geodrift.state import State


def groups(x: Any, cond: Mapping[str, Tensor]) -> Tensor:
    """The kind of each sample, `(B,)`: a number that those of equal conditions and equal sizes share."""
    sizes = [_lengths(layout) for layout in x.layouts.values()] if isinstance(x, State) else []
    columns = [size[:, None].double() for size in sizes if size is not None]
    for value in cond.values():
        flat = value.reshape(len(value), -1).double()
        columns += [torch.nan_to_num(flat), torch.isnan(flat).double()]
    if not columns:
        return torch.zeros(x.samples if isinstance(x, State) else len(x), dtype=torch.int64, device=x.device)
    kinds: Tensor = torch.unique(torch.cat(columns, 1), dim=0, return_inverse=True)[1]
    return kinds


def costs(process: Process, x: Any, n: Any) -> Tensor:
    """The cost of every pair of data and source, `(B, B)`, over the fields that have a source."""
    points, parts = process.embed(x), process.leaves
    if not isinstance(x, State):
        return _costs(process.space, points, n, Dense())
    return torch.stack([_costs(parts[name].space, points[name], n[name], x.layouts[name]) for name in n]).sum(0)


def reorder(z: Any, order: Tensor) -> Any:
    """The state whose sample `i` is sample `order[i]` of `z`, of the same size."""
    if not isinstance(z, State):
        return z[order]
    return z.replace({name: v[_rows(z.layouts[name], order)] for name, v in z.items()})


def _costs(space: Space[Tensor], x: Tensor, n: Tensor, layout: Layout) -> Tensor:
    present = _present(x, layout)
    x, n = _padded(x, layout), _padded(n, layout)
    if isinstance(space, Euclidean):
        return torch.square(torch.cdist(x.flatten(1), n.flatten(1)))
    cost = torch.empty(len(x), len(x), dtype=x.dtype, device=x.device)
    here = torch.arange(len(x), device=x.device)
    for shift in range(len(x)):
        there = (here + shift) % len(x)
        length = torch.square(space.log(x, n[there]))
        cost[here, there] = torch.where(trailing(present, length), length, 0.0).flatten(1).sum(1)
    return cost


def _lengths(layout: Layout) -> Tensor | None:
    """The number of elements of each sample, `(B,)`, where they differ."""
    if isinstance(layout, Ragged):
        return torch.bincount(layout.index, minlength=layout.count)
    return layout.lengths if isinstance(layout, Padded) else None


def _present(x: Tensor, layout: Layout) -> Tensor:
    """Where the elements of `_padded` exist, `(B, L)`, or `(B,)` where all do."""
    lengths = _lengths(layout)
    if lengths is None:
        return torch.ones(len(x), dtype=torch.bool, device=x.device)
    longest = layout.present.shape[1] if isinstance(layout, Padded) else int(lengths.max())
    return Padded.of(lengths, longest).present


def _padded(z: Tensor, layout: Layout) -> Tensor:
    """The field with one leading entry a sample, zero where nothing exists."""
    if not isinstance(layout, Ragged):
        return layout.mask(z)
    wide = z.new_zeros(layout.count, int(torch.bincount(layout.index).max()), *z.shape[1:])
    wide[layout.index, layout.places()] = z
    return wide


def _rows(layout: Layout, order: Tensor) -> Tensor:
    """The leading entries that take each place when samples are put in this order."""
    if not isinstance(layout, Ragged):
        return order
    lengths = torch.bincount(layout.index, minlength=layout.count)
    first = torch.cumsum(lengths, 0) - lengths
    return first[order][layout.index] + layout.places()
