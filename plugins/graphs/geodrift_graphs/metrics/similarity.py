r"""Figures that compare generated molecules with reference molecules one descriptor at a time.

*Scaf* is the cosine of the counts :math:`g, r` of scaffolds. With :math:`c = \cos(g, r)` and :math:`n` molecules, one
whose scaffold is :math:`s` has the influence :math:`n \, (r_s / |g||r| - c \, g_s / |g|^2)`. *SNN* is the mean Tanimoto
similarity of each generated molecule to its nearest reference.

References:
    | Molecular Sets (MOSES) (Polykovskiy et al., 2020), https://arxiv.org/abs/1811.12823
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from geodrift_graphs.metrics.descriptors import BITS

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]

_BLOCK = 1024


def counts(scaffolds: Sequence[str]) -> dict[str, int]:
    """How often each scaffold occurs; the empty one is none."""
    return {name: count for name, count in Counter(scaffolds).items() if name}


def cosine(g: Mapping[str, int], r: Mapping[str, int]) -> float:
    """The cosine of two sets of counts, zero when one is empty."""
    product = sum(count * r.get(name, 0) for name, count in g.items())
    return product / (_norm(g) * _norm(r)) if g and r else 0.0


def cosine_influence(scaffolds: Sequence[str], r: Mapping[str, int]) -> Floats:
    """The influence `(n,)` of each molecule on the cosine."""
    g = counts(scaffolds)
    if not g or not r:
        return np.zeros(len(scaffolds))
    long, short, c = _norm(g), _norm(r), cosine(g, r)
    slope = {name: r.get(name, 0) / (long * short) - c * count / long**2 for name, count in g.items()}
    return len(scaffolds) * np.array([slope.get(name, 0.0) for name in scaffolds])


def _norm(counted: Mapping[str, int]) -> float:
    return float(np.sqrt(sum(count**2 for count in counted.values())))


def nearest(x: Bytes, y: Bytes) -> Floats:
    """Tanimoto similarity `(n,)` of each of `x` to the nearest of `y`; packed, `(n, 128)` and `(m, 128)`."""
    reference = _unpack(y)
    size = reference.sum(1)
    blocks = (_unpack(x[start : start + _BLOCK]) for start in range(0, len(x), _BLOCK))
    return np.concatenate([np.zeros(0), *(_nearest(block, reference, size) for block in blocks)])


def _nearest(x: NDArray[np.float32], y: NDArray[np.float32], size: NDArray[np.float32]) -> Floats:
    shared = x @ y.T
    union = x.sum(1)[:, None] + size - shared
    best: Floats = np.where(union > 0, shared / np.maximum(union, 1), 1.0).max(1).astype(np.float64)
    return best


def _unpack(bits: Bytes) -> NDArray[np.float32]:
    return np.unpackbits(bits, axis=1, count=BITS).astype(np.float32)
