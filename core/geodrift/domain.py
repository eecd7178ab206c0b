r"""What a plugin gives: its objects, how they become states, and the parts that only it knows.

A domain reads and writes native objects (molecules, crystals, images), learns a *codec* from training objects, builds
processes and networks for that codec from a config, measures samples and draws them. The core never imports a plugin:
domains are found through the entry points `geodrift.domains`, imported when first used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor, nn

from geodrift.conditioning import Asked
from geodrift.config import Config
from geodrift.denoiser import Denoise
from geodrift.metric import Metric
from geodrift.processes import Process
from geodrift.rng import Streams
from geodrift.state import State


@dataclass(frozen=True)
class Refusal:
    """Something that was left out, and why.

    Arguments:
        index: Position in the list given (from 0), or line or record of the file (from 1).
        name: What it was: a SMILES, the name of a graph, the text of the line.
        reason: Why it was left out.
    """

    index: int
    name: str
    reason: str


@dataclass(frozen=True)
class Reading:
    """The objects of a file or folder, and what in it could not be read."""

    objects: list[Any]
    refused: list[Refusal]


@dataclass(frozen=True)
class Compact:
    """A data set in memory.

    Arguments:
        arrays: Tensors with one row for each object kept.
        kept: Position of each row in the list given.
        refused: What could not be encoded.
    """

    arrays: dict[str, Tensor]
    kept: list[int]
    refused: list[Refusal]


class Codec(Protocol):
    """Objects as states and back; plain numbers, stored in the checkpoint."""

    @property
    def scales(self) -> Mapping[str, tuple[float, float]]:
        """Mean and standard deviation of each condition, in its unit."""

    @property
    def exact(self) -> tuple[str, ...]:
        """Conditions that hold by construction, such as a number of atoms."""

    def ask(self, name: str, value: Asked) -> Tensor:
        """What a condition asks of one sample, of any shape; `InputError` for what cannot be had.

        A codec without conditions is never asked; for a plain number there is `geodrift.conditioning.number`.
        """

    def hold(self, denoise: Denoise, like: State, rng: Streams, cond: Mapping[str, Tensor]) -> Denoise:
        """The denoiser within what exact conditions allow, for samples shaped like a blank state, a stream for each.

        `InputError` when its process cannot hold one of them. A codec whose `exact` is empty is never asked.
        """

    def alike(self, objects: Sequence[Any]) -> Compact:
        """The exact conditions that these objects meet, a row each, and those that cannot be asked for.

        A codec that cannot tell need not have this.
        """

    def dump(self) -> dict[str, Any]:
        """The codec as JSON values."""

    def compact(self, objects: Sequence[Any]) -> Compact:
        """The objects, with their conditions, as a data set in memory."""

    def batch(self, arrays: Mapping[str, Tensor], index: Tensor) -> tuple[State, dict[str, Tensor]]:
        """These rows of a data set, as data and conditions `(B,)`."""

    def augmented(self, arrays: Mapping[str, Tensor], index: Tensor, rng: Streams) -> tuple[State, dict[str, Tensor]]:
        """The same, each in a random one of the forms that are equally true, as training sees them.

        A codec whose objects have one form only need not have this.
        """

    def blank(self, rng: Streams, cond: Mapping[str, Tensor]) -> State:
        """The shapes to generate, a sample for each stream, with what conditions fix; `InputError` where they clash."""

    def begin(self, blank: State, rng: Streams, cond: Mapping[str, Tensor]) -> State:
        """A blank state with what has to be drawn before its process begins, such as samples of another model.

        A codec whose states are whole need not have this.
        """

    def decode(self, state: State) -> list[Any]:
        """One object for each sample."""


@dataclass(frozen=True)
class Symmetry:
    """Moves that commute with every network of a domain, such as an exchange of nodes.

    Arguments:
        state: Moves noisy states by elements of the group that the streams draw, one for each sample.
        output: Moves what a network answers by the same elements, drawn from the same streams.
    """

    state: Callable[[State, Streams], State]
    output: Callable[[State, Streams], State]


class Domain(Protocol):
    """One kind of data.

    Arguments:
        name: The name of its entry point.
        version: Of the plugin.
        fields: What the state of a sample holds, in words, by name.
        formats: Kinds of files that `write` adds when asked; a domain without any need not have this.
    """

    name: str
    version: str
    fields: Mapping[str, str]
    formats: Sequence[str]

    def presets(self) -> Mapping[str, Path]:
        """The folder of each preset: `config.toml`, and a checkpoint's files where it has weights."""

    def read(self, path: Path, where: Mapping[str, str]) -> Reading:
        """The objects of a file or folder; `where` selects rows of tables."""

    def samples(self, path: Path) -> list[Any]:
        """Generated objects in a folder or file, those that are not valid among them: what `evaluate` measures."""

    def write(self, objects: Sequence[Any], folder: Path, formats: Sequence[str] = ()) -> list[Path]:
        """Write native files, and those of these formats; a domain without formats need not take the argument."""

    def prepare(self, objects: Sequence[Any], options: Mapping[str, Any], folder: Path) -> list[Refusal]:
        """Write objects as training with these options sees them, in files that `read` reads; what cannot be used.

        A domain that uses files as they are need not have this.
        """

    def answering(self, sample: Any, thing: Any, place: int) -> Any:
        """The sample with a note, which its files keep, that it is to be like the object at this place of a list.

        A domain without such notes need not have this.
        """

    def choose(self, groups: Sequence[Sequence[Any]], known: Sequence[Any]) -> list[int]:
        """The place of the best draft in each group, not one of the known objects where that can be helped.

        A domain that cannot tell need not have this.
        """

    def fit(self, objects: Sequence[Any], options: Mapping[str, Any]) -> Codec:
        """The codec of training objects; `options` is the config's section `data`."""

    def codec(self, values: Mapping[str, Any]) -> Codec:
        """The codec that `Codec.dump` wrote."""

    def process(self, spec: Mapping[str, Any], codec: Codec) -> Process:
        """The process that a config asks for."""

    def network(self, spec: Mapping[str, Any], codec: Codec, process: Process) -> nn.Module:
        """The network that a config asks for."""

    def cost(self, config: Config, size: Sequence[int]) -> dict[str, Any]:
        """What a model of this config costs for objects of a size, on this machine: numbers by what they are.

        A domain whose objects have no size to choose need not have this.
        """

    def evaluate(
        self, samples: Sequence[Any], reference: Sequence[Any], training: Sequence[Any], options: Mapping[str, Any]
    ) -> list[Metric]:
        """Metrics of samples, with floors where there are references; an empty list is an absent one."""

    def rows(
        self, samples: Sequence[Any], reference: Sequence[Any], options: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """What is measured on each sample alone, a row each with the same columns; the options are those of `evaluate`.

        A domain without such a table need not have this.
        """

    def glance(self, samples: Sequence[Any]) -> dict[str, float]:
        """A few cheap metrics, for the log of a training."""

    def report(self, samples: Sequence[Any], reference: Sequence[Any], metrics: Sequence[Metric]) -> str:
        """The body of the HTML report, self-contained."""

    def examples(self) -> list[Any]:
        """A few different objects, with which `geodrift check` tests the domain."""

    def symmetries(self) -> Mapping[str, Symmetry]:
        """The symmetries that its networks keep, by name; `geodrift check` tests them."""

    def same(self, one: Any, other: Any) -> bool:
        """Whether two objects are the same thing, whatever the order of their parts."""
