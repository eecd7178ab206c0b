r"""What every process can do.

A process gives the law of :math:`z_t` given data :math:`x` (data at :math:`t = 0`, source at :math:`t = 1`), says what
a network's raw output means, and gives the law of :math:`z_s` given :math:`z_t` and that meaning. Leaves act on one
tensor and see one time for all or for each leading entry of it; `Product` joins them on states.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

import torch
from torch import Tensor

from geodrift.errors import InputError
from geodrift.kernel import Kernel
from geodrift.layout import Dense, Layout
from geodrift.rng import Streams
from geodrift.schedules import Coefficients, Schedule
from geodrift.spaces import Space


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
    anchors: frozenset[str] = frozenset()
    """Names of the conditions that are part of the path, which guidance and training never drop."""
    steps: int | None = None
    """The number of equal steps that it is made of, in training and in sampling; none where any will do."""

    @property
    def categorical(self) -> bool:
        """Whether its predictions hold beliefs about classes, which a temperature sharpens."""
        return False

    @property
    @abstractmethod
    def channels(self) -> Any:
        """The number of channels that the network sees, and that it must answer with."""

    @property
    def leaves(self) -> Mapping[str, Process]:
        """The processes of the fields by name; a leaf is its own, without a name."""
        return {"": self}

    @property
    def clock(self) -> Schedule | None:
        """The schedule whose log-SNR measures its time, if it has one; of several fields, that of the first."""
        return None

    def on(self, layout: Layout) -> Process:
        """The process for a field with this layout; only those whose space depends on it differ."""
        return self

    def admit(self, times: Tensor) -> None:  # noqa: B027 - most processes predict everywhere
        """Raise `InputError` where these times, of a grid or of training, touch an end that the process cannot bear."""

    def enter(self, x: Any, cond: Mapping[str, Tensor]) -> Any:
        """Data as the process moves them: relative to its anchor, if it has one among the conditions."""
        return x

    def leave(self, x: Any, cond: Mapping[str, Tensor]) -> Any:
        """Data as they came: the inverse of `enter`."""
        return x

    def embed(self, x: Any) -> Any:
        """Data as points of the space."""
        return x

    @abstractmethod
    def prior(self, like: Any, rng: Streams, t: Any = 1.0) -> Any:
        """A state at the time `t` where sampling starts, by default one, for data shaped like `like`."""

    def partner(self, x: Any, rng: Streams) -> Any:
        """What `corrupt` mixes with data shaped like `x`, for a coupling to pair with them.

        Raises:
            InputError: When the process has nothing to pair.
        """
        raise InputError(f"{type(self).__name__} has no source to pair with the data; use the independent coupling")

    def start(self, n: Any, rng: Streams, t: Any = 1.0) -> Any:
        """The state of `prior` that a draw `n` of `partner` makes.

        Raises:
            InputError: When the process has nothing to pair.
        """
        raise InputError(f"{type(self).__name__} has no source to start from; choose a continuous process")

    @abstractmethod
    def corrupt(self, x: Any, t: Any, rng: Streams, n: Any = None) -> Draw:
        """The state at time `t` of data `x`, mixed with `n`, by default a draw of `partner`."""

    def mirror(self, draw: Draw) -> Draw:
        """The draw with normal noise of the opposite sign; the same one where there is no such noise."""
        return draw

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

    def expected(self, p: Any, z: Any, t: Any) -> Any:
        """The data that a prediction points at, without the draws of `finish`; `InputError` where it does not say."""
        raise InputError(f"{type(self).__name__} does not say where its data are expected; choose another process")

    def told(self, p: Any, z: Any, t: Any, x: Any, known: Any) -> Any:
        """The prediction `p` corrected by the data `x` of the entries `known`; `InputError` where it takes no data."""
        raise InputError(f"{type(self).__name__} cannot be told its data; choose another process")

    def placed(self, p: Any, z: Any, t: Any, x: Any) -> Any:
        """The prediction that points at the data `x` instead, as sure as it was."""
        return self.told(p, z, t, x, torch.ones_like(x, dtype=torch.bool))

    @abstractmethod
    def velocity(self, p: Any, z: Any, t: Any) -> Any:
        """The rate of change of the state; zero for classes, which only jump."""

    @abstractmethod
    def jump(self, p: Any, z: Any, t: Any, s: Any, rng: Streams) -> Any:
        """The state with its classes moved to time `s` and everything else left where it is."""

    def each(self, move: Move, p: Any, z: Any, t: Any, s: Any) -> Kernel:
        """The law of the next state under a rule of the solver's, applied to each leaf."""
        return move(self, p, z, t, s, Dense())

    def advance(self, move: Move, p: Any, z: Any, t: Any, s: Any, rng: Streams) -> Any:
        """A next state under this rule, on the space."""
        law = self.each(move, p, z, t, s)
        del p  # the network's output, which may be as large as the state
        return self.space.project(law.sample(rng))


Move = Callable[[Any, Any, Any, Any, Any, Layout], Kernel]
"""A rule for one step of a leaf: process, prediction, state, time, next time, layout."""


class Flow(Process):
    """A process whose state moves continuously."""

    scored: bool = False
    """Whether the process has a score: then it is a `Scored` one with a normal source."""
    noised: bool = False
    """Whether the state is scaled data plus scaled noise, perhaps wrapped: then `at` gives the scales, and the
    predictions have the noise `n`."""
    linear: bool = False
    """Whether it is that in a vector space, where states and data combine: then the predictions have the data `x`."""

    def at(self, t: Any, z: Any) -> Coefficients:
        """The scales of data and noise, broadcasting against the state, of a path that is `noised`."""
        raise InputError(f"{type(self).__name__} has no scales of data and noise")

    def estimate(self, p: Any, z: Any, t: Any) -> Any:
        """The prediction in numbers, with the data `x` and the noise `n`, where it is a belief instead."""
        return p

    def steady(self, times: Tensor) -> None:
        """Raise `InputError` where the velocity is infinite at one of these times of a grid."""

    def jump(self, p: Any, z: Any, t: Any, s: Any, rng: Streams) -> Any:
        return z

    def centre(self, x: Any, t: Any) -> tuple[Any, Any]:
        """The state at time `t` that data become without noise, and the log of its volume for one of `x`, elementwise.

        Raises:
            InputError: When the path has no such state.
        """
        raise InputError(f"{type(self).__name__} does not say where its data are at a time; no likelihood of it")

    def prior_log_prob(self, z: Any, t: Any) -> Any:
        """The log-density of the source at the time `t` where sampling starts, elementwise.

        Raises:
            InputError: When the source has no known density.
        """
        raise InputError(f"{type(self).__name__} has no known density at the source, so it gives no likelihood")


class Scored(Flow):
    """A flow that has a score; from a Gaussian source alone it is the law of a linear SDE.

    One that `splits`, into the linear part of that SDE and the rest, has the `schedule` of its signal and noise.
    """

    scored = True
    splits: bool = True
    schedule: Schedule

    @abstractmethod
    def score(self, p: Any, z: Any, t: Any) -> Any:
        """The gradient of the log-density of the state."""

    @abstractmethod
    def noise_std(self, z: Any, t: Any) -> Any:
        """The standard deviation of the source's share of the state, :math:`\\sigma`, broadcasting against it."""

    @abstractmethod
    def diffusion(self, z: Any, t: Any) -> Any:
        """The squared diffusion coefficient of the SDE, :math:`g^2`, broadcasting against the state."""

    def reverse_linear(self, z: Any, t: Any, s: Any) -> Kernel:
        """The law at `s < t` under the SDE without its score: :math:`dz = f z\\,dt + g\\,d\\bar W`, run backwards.

        Raises:
            InputError: When the process is not the law of a linear SDE.
        """
        raise InputError(f"{type(self).__name__} is not the law of a linear SDE; choose euler-maruyama or heun")


def has_score(part: Process) -> TypeGuard[Scored]:
    """Whether this leaf can be asked for a score."""
    return isinstance(part, Scored) and part.scored
