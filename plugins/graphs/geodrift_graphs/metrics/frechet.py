r"""The Fréchet ChemNet distance.

The activations of ChemNet's last layer, for generated and for reference molecules, are taken as Gaussians, and

.. math:: \mathrm{FCD} = \|\mu - m\|^2 + \operatorname{tr} \bigl( \Sigma + S - 2 (A \Sigma A)^{1/2} \bigr),
    \qquad A = S^{1/2},

which needs symmetric eigenvalues only. Its derivative with respect to :math:`\Sigma` is :math:`1 - T`, where
:math:`T = A (A \Sigma A)^{-1/2} A` is the optimal map, so that one molecule with activation :math:`x` and
:math:`u = x - \mu` has the influence :math:`2 (\mu - m) \cdot u + u^\top (1 - T) u`.

The distance is biased upward by the 131,328 covariances that it estimates: compare it at equal `n` only.

References:
    | Fréchet ChemNet Distance (Preuer et al., 2018), https://arxiv.org/abs/1803.09518
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files

import numpy as np
import torch
from fcd import load_ref_model
from fcd.utils import get_one_hot
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WIDTH = 512
_LENGTH = 350  # characters that ChemNet was trained to read
_BATCH = 256


@dataclass(frozen=True)
class Gaussian:
    """The moments of a set of activations.

    Arguments:
        mean: `(D,)`.
        covariance: `(D, D)`.
    """

    mean: Floats
    covariance: Floats

    @classmethod
    def fit(cls, x: Floats) -> Gaussian:
        """The moments of the rows of `x`, `(n, D)`, two at least."""
        return cls(x.mean(0), np.cov(x, rowvar=False))


def activations(smiles: Sequence[str]) -> Floats:
    """ChemNet's activations `(n, 512)`; a SMILES that occurs twice is read once."""
    if len(smiles) == 0:
        return np.zeros((0, WIDTH))
    distinct, place = np.unique(np.asarray(smiles, dtype=object).astype(str), return_inverse=True)
    length = max(_LENGTH, max(len(text) for text in distinct) + 1)
    model = chemnet()
    parts = [_forward(model, distinct[start : start + _BATCH], length) for start in range(0, len(distinct), _BATCH)]
    return np.concatenate(parts)[place]


def chemnet() -> torch.nn.Module:
    """ChemNet from the package's own file: its loader would leave a temporary copy behind."""
    with as_file(files("fcd") / "ChemNet_v0.13_pretrained.pt") as path:
        model: torch.nn.Module = load_ref_model(str(path))
    return model


@torch.inference_mode()
def _forward(model: torch.nn.Module, smiles: NDArray[np.str_], length: int) -> Floats:
    letters = np.stack([get_one_hot(str(text), length) for text in smiles])
    x = torch.from_numpy(letters).float() / letters.shape[-1]
    read: Floats = model(x.transpose(1, 2)).numpy().astype(np.float64)
    return read


def distance(x: Gaussian, y: Gaussian) -> float:
    """The squared Fréchet distance of two Gaussians."""
    root = _power(y.covariance, 0.5)
    overlap = np.sqrt(np.linalg.eigvalsh(root @ x.covariance @ root).clip(min=0)).sum()
    gap = x.mean - y.mean
    return float(gap @ gap + np.trace(x.covariance) + np.trace(y.covariance) - 2 * overlap)


def influence(x: Floats, y: Gaussian) -> Floats:
    """The influence `(n,)` of each row of `x`, `(n, D)`, on its squared Fréchet distance to `y`."""
    fit = Gaussian.fit(x)
    root = _power(y.covariance, 0.5)
    transport = root @ _power(root @ fit.covariance @ root, -0.5) @ root
    u = x - fit.mean
    slopes: Floats = 2 * u @ (fit.mean - y.mean) + (u**2).sum(1) - ((u @ transport) * u).sum(1)
    return slopes


def _power(matrix: Floats, exponent: float) -> Floats:
    """A power of a symmetric positive semi-definite matrix, on its range."""
    values, vectors = np.linalg.eigh(matrix)
    inside = values > values[-1] * len(values) * np.finfo(np.float64).eps
    scale = np.where(inside, np.where(inside, values, 1.0) ** exponent, 0.0)
    power: Floats = (vectors * scale) @ vectors.T
    return power
