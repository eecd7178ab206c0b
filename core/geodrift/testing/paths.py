"""One process of every kind, small: the paths on which predictions are told data, and data for them."""

from __future__ import annotations

import torch
from torch import Tensor

from geodrift.embeddings import Identity
from geodrift.interpolations import Linear, SinSquared
from geodrift.processes import Affine, Bayesian, Geodesic, Interpolant, Jump, Process, Wrapped
from geodrift.processes.accuracy import Entropy, Exponential, Quadratic
from geodrift.processes.families import Categorical, Gaussian
from geodrift.processes.periodic import Bins, Periodic
from geodrift.processes.von_mises import VonMisesFlow
from geodrift.schedules import VE, Cosine, Rectified
from geodrift.sources import Uniform
from geodrift.spaces import Relative, Torus

CLASSES, STEPS, ENTRIES = 5, 8, 12
REAL: dict[str, Process] = {
    "rectified": Affine(Rectified(), Identity(3)),
    "cosine": Affine(Cosine(), Identity(3)),
    "gaussian evidence": Bayesian(Gaussian(width=3), Exponential()),
    "interpolant": Interpolant(Linear(SinSquared(0.1)), embedding=Identity(3)),
}
PERIODIC: dict[str, Process] = {
    "circle": Bayesian(Periodic(), Entropy()),
    "circle in bins": Bayesian(Periodic(head=Bins(32)), Entropy()),
    "von mises": VonMisesFlow(STEPS, 500.0),
    "geodesic": Geodesic(Torus()),
    "relative": Geodesic(Relative()),
    "wrapped": Wrapped(VE(0.005, 0.5)),
    "periodic interpolant": Interpolant(Linear(SinSquared(0.1)), Uniform(0.0, 1.0), space=Relative()),
}
CLASS: dict[str, Process] = {
    "masked": Jump.masked(CLASSES),
    "uniform": Jump.uniform(CLASSES),
    "class evidence": Bayesian(Categorical(CLASSES), Quadratic(3.0)),
}
ALL: dict[str, Process] = {**REAL, **PERIODIC, **CLASS}


def data(name: str, seed: int = 0) -> Tensor:
    """Data of 12 elements for the process of this name, `(12, 3)` or classes `(12,)`."""
    rng = torch.Generator().manual_seed(seed)
    if name in CLASS:
        return torch.randint(CLASSES, (ENTRIES,), generator=rng)
    return torch.rand(ENTRIES, 3, generator=rng) if name in PERIODIC else torch.randn(ENTRIES, 3, generator=rng)


def apart(name: str, one: Tensor, other: Tensor) -> float:
    """The largest distance of data of that process."""
    way = (one - other).double()
    return float((way - way.round() if name in PERIODIC else way).abs().max())
