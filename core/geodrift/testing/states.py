"""The same data laid out in other ways, to ask whether a part notices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor

from geodrift.layout import Layout, Padded, Ragged
from geodrift.state import State


def pick(x: Any, index: Tensor) -> Any:
    """The samples with these indices, `(b,)`, of a tensor or a state."""
    if not isinstance(x, State):
        return x[index]
    chosen = {name: _pick(x.layouts[name], z, index) for name, z in x.items()}
    return State({name: z for name, (z, _) in chosen.items()}, {name: layout for name, (_, layout) in chosen.items()})


def _pick(layout: Layout, z: Tensor, index: Tensor) -> tuple[Tensor, Layout]:
    if isinstance(layout, Ragged):
        rows = [torch.nonzero(layout.index == sample)[:, 0] for sample in index]
        return z[torch.cat(rows)], Ragged.of(torch.tensor([len(row) for row in rows]))
    return z[index], Padded(layout.present[index]) if isinstance(layout, Padded) else layout


def widen(x: State, extra: Mapping[str, int], fill: float = 0) -> State:
    """The state with `extra` more padding in its padded fields, filled with any number."""
    wide, layouts = {}, dict(x.layouts)
    for name, more in extra.items():
        z, layout = x[name], x.layouts[name]
        if not isinstance(layout, Padded):
            raise TypeError(f"field {name} is not padded")
        wide[name] = torch.cat([z, z.new_full((len(z), more, *z.shape[2:]), fill)], 1)
        layouts[name] = Padded(torch.cat([layout.present, layout.present.new_zeros(len(z), more)], 1))
    return State({**x, **wide}, layouts)


def ragged(x: State) -> State:
    """The state with its padded fields end to end."""
    rows, layouts = {}, dict(x.layouts)
    for name, layout in x.layouts.items():
        if isinstance(layout, Padded):
            rows[name] = x[name][layout.present]
            layouts[name] = Ragged.of(layout.lengths)
    return State({**x, **rows}, layouts)


def tensors(value: Any, name: str = "") -> dict[str, Tensor]:
    """All tensors of a tensor, state, prediction or kernel, by name."""
    if isinstance(value, Tensor):
        return {name: value}
    if isinstance(value, Mapping):
        parts = dict(value)
    elif is_dataclass(value):
        parts = {field.name: getattr(value, field.name) for field in fields(value)}
    else:
        return {}
    return {path: v for key, part in parts.items() for path, v in tensors(part, f"{name}.{key}".lstrip(".")).items()}


def assert_same(actual: Any, expected: Any, rtol: float = 0.0, atol: float = 0.0) -> None:
    """Two tensors, states, predictions or kernels hold the same numbers, by default exactly."""
    torch.testing.assert_close(tensors(actual), tensors(expected), rtol=rtol, atol=atol, equal_nan=True)
