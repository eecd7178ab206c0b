r"""What every process can do.

A process gives the law of :math:`z_t` given data :math:`x` (data at :math:`t = 0`, source at :math:`t = 1`), says what
a network's raw output means, and gives the law of :math:`z_s` given :math:`z_t` and that meaning. Leaves act on one
tensor and see one time for all or for each leading entry of it; `Product` joins them on states.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geodrift.kernel import Kernel
from geodrift.layout import Dense, Layout
from geodrift.rng import Streams
from geodrift.spaces import Space


class Prediction(ABC):
    """What a network says about the data, in coordinates that may be extrapolated."""

    @abstractmethod
    def extrapolate(self, base: Any, scale: float) -> Any:
        """Go from `base` towards this prediction, `scale` times as far: one is this prediction, zero is `base`."""

    @abstractmethod
    def tempered(self, temperature: float) -> Any:
        """The prediction with its beliefs about classes sharpened; real numbers have none to sharpen."""


@dataclass(frozen=True, eq=False)
class Estimate(Prediction):
    """The expected data and noise, each shaped like the state."""

    x: Tensor
    n: Tensor

    def extrapolate(self, base: Estimate, scale: float) -> Estimate:
        return Estimate(base.x + scale * (self.x - base.x), base.n + scale * (self.n - base.n))

    def tempered(self, temperature: float) -> Estimate:
        return self


@dataclass(frozen=True, eq=False)
class Belief(Prediction):
    """Log-probabilities of the classes of the data, `(..., K)`."""

    log_probs: Tensor

    @property
    def probs(self) -> Tensor:
        return self.log_probs.exp()

    def extrapolate(self, base: Belief, scale: float) -> Belief:
        both = torch.isfinite(base.log_probs) & torch.isfinite(self.log_probs)
        ahead = base.log_probs + scale * (self.log_probs - base.log_probs)
        return Belief(torch.log_softmax(torch.where(both, ahead, self.log_probs if scale else base.log_probs), -1))

    def tempered(self, temperature: float) -> Belief:
        return Belief(torch.log_softmax(self.log_probs / temperature, -1))


@dataclass(frozen=True, eq=False)
class Draw:
    """A noisy state and what it was made of, for the loss.

    Arguments:
        z: The state at time `t`.
        x: The data, embedded.
        n: The noise, shaped like `z`; the data again where a process has no separate noise.
        t: The time, a scalar or one for each leading entry.
    """

    z: Any
    x: Any
    n: Any
    t: Any


class Process(ABC):
    """A path from data to a source."""

    space: Space[Any]

    @property
    def categorical(self) -> bool:
        """Whether its predictions hold beliefs about classes, which a temperature sharpens."""
        return False

    @property
    @abstractmethod
    def channels(self) -> Any:
        """The number of channels that the network sees, and that it must answer with."""

    @abstractmethod
    def prior(self, like: Any, rng: Streams) -> Any:
        """A state at time one, for data shaped like `like`."""

    @abstractmethod
    def corrupt(self, x: Any, t: Any, rng: Streams) -> Draw:
        """The state at time `t` of data `x`."""

    @abstractmethod
    def inputs(self, z: Any, t: Any) -> Any:
        """What the network sees of the state."""

    @abstractmethod
    def resolve(self, raw: Any, z: Any, t: Any) -> Any:
        """The prediction that the network's output means."""

    @abstractmethod
    def loss(self, raw: Any, draw: Draw) -> Any:
        """The training loss, elementwise."""

    @abstractmethod
    def kernel(self, p: Any, z: Any, t: Any, s: Any) -> Kernel:
        """The law of the state at time `s < t`, given the state at `t` and the prediction there."""

    @abstractmethod
    def finish(self, p: Any, z: Any, rng: Streams) -> Any:
        """Data values, given the prediction at the last time before zero."""

    @abstractmethod
    def velocity(self, p: Any, z: Any, t: Any) -> Any:
        """The rate of change of the state; zero for classes, which only jump."""

    @abstractmethod
    def jump(self, p: Any, z: Any, t: Any, s: Any, rng: Streams) -> Any:
        """The state with its classes moved to time `s` and everything else left where it is."""

    def each(self, move: Move, p: Any, z: Any, t: Any, s: Any) -> Kernel:
        """The law of the next state under a rule of the solver's, applied to each leaf."""
        return move(self, p, z, t, s, Dense())


Move = Callable[[Any, Any, Any, Any, Any, Layout], Kernel]
"""A rule for one step of a leaf: process, prediction, state, time, next time, layout."""


class Flow(Process):
    """A process whose state moves continuously."""

    def jump(self, p: Any, z: Any, t: Any, s: Any, rng: Streams) -> Any:
        return z


class Scored(Flow):
    """A flow with a Gaussian source, which has a score and is the law of a linear SDE."""

    @abstractmethod
    def score(self, p: Any, z: Any, t: Any) -> Any:
        """The gradient of the log-density of the state."""

    @abstractmethod
    def noise_std(self, z: Any, t: Any) -> Any:
        """The standard deviation of the source's share of the state, :math:`\\sigma`, broadcasting against it."""

    @abstractmethod
    def diffusion(self, z: Any, t: Any) -> Any:
        """The squared diffusion coefficient of the SDE, :math:`g^2`, broadcasting against the state."""

    @abstractmethod
    def reverse_linear(self, z: Any, t: Any, s: Any) -> Kernel:
        """The law at `s < t` under the SDE without its score: :math:`dz = f z\\,dt + g\\,d\\bar W`, run backwards."""
