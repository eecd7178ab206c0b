r"""Denoisers that are exact, for data whose law is known.

A law of data answers for any process that it knows: with components :math:`m`, each as probable as :math:`w_m`, it
gives :math:`\log w_m q(z_t | m)`, whose sum is the marginal and whose shares are the posterior, and the prediction
that is the posterior's mean.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from geodrift.denoiser import Conditions
from geodrift.diagnostics.fields import score
from geodrift.processes import Process
from geodrift.rng import Streams

if TYPE_CHECKING:
    from geodrift.testing.mixture import Mixture


class Law(ABC):
    """A law of data that is a mixture."""

    @abstractmethod
    def sample(self, rng: Streams, count: int) -> Any:
        """Draw `count` data."""

    @abstractmethod
    def log_joint(self, process: Process, z: Any, t: Any) -> Tensor:
        """The log-density of the state at time `t` together with each component, `(B, M)`."""

    @abstractmethod
    def mixture(self) -> Mixture:
        """The same law as a mixture of Gaussians over vectors.

        Raises:
            InputError: When the data are not real.
        """

    @abstractmethod
    def predict(self, process: Process, z: Any, t: Any) -> Any:
        """The mean of the data, or the law of their classes, given the state at time `t`."""


class Exact:
    """The exact denoiser of a process on data with this law.

    Arguments:
        process: A process that the law can answer for.
        law: The law of the data.
    """

    def __init__(self, process: Process, law: Law) -> None:
        self.process, self.law = process, law

    def __call__(self, z: Any, t: Any, cond: Conditions | None = None) -> Any:
        return self.law.predict(self.process, z, t)

    def log_prob(self, z: Any, t: Any, cond: Conditions | None = None) -> Tensor:
        """Log-density of the state at time `t`, `(B,)`, up to a number where the process says so."""
        return torch.logsumexp(self.law.log_joint(self.process, z, t), -1)

    def posterior(self, z: Any, t: Any) -> Tensor:
        """The probability of each component, `(B, M)`."""
        return torch.softmax(self.law.log_joint(self.process, z, t), -1)

    def score(self, z: Any, t: Any) -> Any:
        """The gradient of the log-density; of a product that by each field that has one."""
        return score(self.process, self(z, t), z, t)

    def velocity(self, z: Any, t: Any) -> Any:
        """The velocity of the marginals."""
        return self.process.velocity(self(z, t), z, t)

    def covariance(self, z: Any, t: Any) -> Tensor:
        """The covariance of the data given the state, as vectors, `(B, D, D)`."""
        return self.law.mixture().covariance(self.process, z, t)

    def divergence(self, z: Any, t: Any) -> Tensor:
        """The divergence of the velocity, `(B,)`, in closed form."""
        return self.law.mixture().divergence(self.process, z, t)

    def laplacian(self, z: Any, t: Any) -> Tensor:
        """The Laplacian of the log-density, `(B,)`, in closed form."""
        return self.law.mixture().laplacian(self.process, z, t)
