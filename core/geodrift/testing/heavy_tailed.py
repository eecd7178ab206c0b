r"""The exact denoiser of PFGM++, for data that are a weighted set of points.

The kernel couples all :math:`N` entries of a sample,
:math:`p(z | x) \propto \sigma^{-N} (1 + |z - \alpha x|^2 / (D \sigma^2))^{-(N + D) / 2}`, so that the posterior of the
point needs their distance as a whole; it does not factor over entries as that of normal noise does.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from geodrift.denoiser import Conditions
from geodrift.prediction import Estimate
from geodrift.processes import Affine
from geodrift.sources import StudentT
from geodrift.testing.oracle import Points


class ExactStudentT:
    """The exact denoiser of an affine path with a Student-t source.

    Arguments:
        process: The path, of real data.
        law: The law of the data, points `(M, ...)` without blur.
    """

    def __init__(self, process: Affine, law: Points) -> None:
        if not isinstance(process.source, StudentT) or law.std is not None:
            raise TypeError("a path with a Student-t source on points without blur is needed")
        self.process, self.law, self.freedom = process, law, process.source.freedom

    def __call__(self, z: Tensor, t: Any, cond: Conditions | None = None) -> Estimate:
        t = torch.as_tensor(t)
        posterior = torch.softmax(self._joint(z, t), -1)
        x = (posterior @ self.law.points.flatten(1)).view_as(z)
        at = self.process.at(t, z)
        return Estimate(x, (z - at.alpha * x) / at.sigma)

    def log_prob(self, z: Tensor, t: Tensor) -> Tensor:
        """Log-density of the state at time `t`, `(B,)`."""
        return torch.logsumexp(self._joint(z, t), -1)

    def _joint(self, z: Tensor, t: Tensor) -> Tensor:
        flat, points = z.flatten(1)[:, None], self.law.points.flatten(1)
        at = self.process.at(t, flat)
        scale, square = at.sigma.reshape(-1, 1), torch.square((flat - at.alpha * points) / at.sigma).sum(-1)
        entries, half = points.shape[1], (points.shape[1] + self.freedom) / 2
        norm = math.lgamma(half) - math.lgamma(self.freedom / 2) - entries / 2 * math.log(math.pi * self.freedom)
        kernel = norm - entries * torch.log(scale) - half * torch.log1p(square / self.freedom)
        joint: Tensor = torch.log(self.law.weights) + kernel
        return joint
