r"""What a codec learns from its training graphs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from geodrift.errors import InputError
from geodrift_graphs.generic.packed import Packed, frequencies

_SCALE_SAMPLE = 10_000  # objects that the scale of a condition is estimated from


def statistics(graphs: Sequence[Packed], node_classes: int, edge_classes: int, max_nodes: int | None) -> dict[str, Any]:
    """The fields that every codec learns from its training graphs."""
    if not graphs:
        raise InputError("none of the molecules or graphs can be represented; there is nothing to learn from")
    nodes, edges = zip(*graphs, strict=True)
    counts = np.bincount([len(row) for row in nodes], minlength=(max_nodes or 0) + 1)
    return {
        "max_nodes": len(counts) - 1,
        "sizes": tuple((counts / counts.sum()).tolist()),
        "node_marginals": frequencies(nodes, node_classes),
        "edge_marginals": frequencies(edges, edge_classes),
    }


def scale(values: Tensor) -> tuple[float, float]:
    """Mean and standard deviation of the finite values, `(M,)`."""
    finite = values[values.isfinite()].to(torch.float64)
    return (float(finite.mean()), float(finite.std(correction=0))) if len(finite) else (0.0, 1.0)


def spread(count: int) -> range:
    """Evenly spaced positions in a list of this length, at most 10,000 to 20,000 of them."""
    return range(0, count, max(1, count // _SCALE_SAMPLE))
