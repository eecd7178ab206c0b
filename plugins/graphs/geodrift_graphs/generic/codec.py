r"""Native objects as states and back, with all that generation needs to know about the training data.

A codec holds the node and edge classes, their marginals over real nodes and pairs, the law of the number of nodes and
the scale of each condition. It is plain numbers, written into the checkpoint, so that sampling never needs the data.

A data set is kept as int8 tensors padded to its largest graph; a batch is cropped to its own largest one by indexing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Self, TypeVar

import torch
from pydantic import ConfigDict
from torch import Tensor

from geodrift.conditioning import Asked, number
from geodrift.denoiser import Denoise
from geodrift.domain import Compact, Refusal
from geodrift.errors import InputError
from geodrift.layout import Padded
from geodrift.rng import Streams
from geodrift.spaces.symmetric import size
from geodrift.state import State
from geodrift.stored import dumped, loaded
from geodrift_graphs.generic.packed import Packed, Sifted, Unrepresentable, pad, sift

Native = TypeVar("Native")
Arrays = dict[str, Tensor]


@dataclass(frozen=True)
class Encoded:
    """Objects as one state.

    Arguments:
        state: Fields `nodes` `(B, N)` and `edges` `(B, P)`, int64, padded to the largest graph.
        kept: Position of each sample in the list given.
        refused: What could not be encoded.
    """

    state: State
    kept: list[int]
    refused: list[Refusal]


@dataclass(frozen=True, kw_only=True)
class Codec(ABC, Generic[Native]):
    """What a set of graphs looks like, and how graphs become states.

    Arguments:
        max_nodes: Largest number of nodes that is encoded.
        sizes: Probability of each number of nodes, 0 to `max_nodes`.
        node_marginals: Share of each node class.
        edge_marginals: Share of each edge class among all pairs.
        scales: Mean and standard deviation of each condition, in its unit.
    """

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)

    max_nodes: int
    sizes: tuple[float, ...]
    node_marginals: tuple[float, ...]
    edge_marginals: tuple[float, ...]
    scales: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, law, classes in self._laws():
            if len(law) != classes or min(law) < 0 or abs(sum(law) - 1) > 1e-6:
                raise ValueError(f"{name} must be {classes} shares that add to 1")

    @property
    @abstractmethod
    def node_classes(self) -> int:
        """The number of node classes."""

    @property
    @abstractmethod
    def orders(self) -> tuple[float, ...]:
        """The bond order of each edge class."""

    @abstractmethod
    def pack(self, thing: Native) -> Packed:
        """One object as classes; `Unrepresentable` when it has none."""

    @abstractmethod
    def unpack(self, graph: Packed) -> Native:
        """The object of these classes."""

    @abstractmethod
    def name(self, thing: Native) -> str:
        """What a refusal calls the object."""

    @abstractmethod
    def conditions(self, things: Sequence[Native], jobs: int = 1) -> dict[str, Tensor]:
        """The conditions of each object, `(M,)`, float32, computed by this many processes."""

    @property
    def edge_classes(self) -> int:
        return len(self.orders)

    def encode(self, objects: Sequence[Native]) -> Encoded:
        """All objects that can be represented, as one batch."""
        sifted = self._sift(objects)
        arrays = _table(sifted.results)
        return Encoded(_state(arrays, slice(None)), sifted.kept, sifted.refused)

    def compact(self, objects: Sequence[Native], jobs: int = 1) -> Compact:
        """All objects that can be represented, as a data set in memory; conditions are computed by `jobs` processes."""
        sifted = self._sift(objects)
        conditions = self.conditions([objects[index] for index in sifted.kept], jobs)
        return Compact({**_table(sifted.results), **conditions}, sifted.kept, sifted.refused)

    def alike(self, objects: Sequence[Native]) -> Compact:
        """The number of nodes of each object, `atoms` `(M,)`."""
        sifted = self._sift(objects)
        atoms = torch.tensor([float(len(graph.nodes)) for graph in sifted.results])
        return Compact({"atoms": atoms}, sifted.kept, sifted.refused)

    def arrays(self, objects: Sequence[Native], jobs: int = 1) -> Arrays:
        """The tensors of `compact` alone."""
        return self.compact(objects, jobs).arrays

    def batch(self, arrays: Mapping[str, Tensor], index: Tensor) -> tuple[State, dict[str, Tensor]]:
        """The graphs at these rows, cropped to the largest of them, and their conditions."""
        return _state(arrays, index), {name: arrays[name][index] for name in self.scales}

    def decode(self, state: State) -> list[Native]:
        """One object for each sample."""
        layout = state.layouts["nodes"]
        if not isinstance(layout, Padded):
            raise TypeError("a batch of graphs is padded")
        nodes, edges = (state[name].to("cpu", torch.int8).numpy() for name in ("nodes", "edges"))
        rows = zip(nodes, edges, layout.lengths.tolist(), strict=True)
        return [self.unpack(Packed(row[:n], pairs[: size(n)])) for row, pairs, n in rows]

    def template(self, sizes: Tensor) -> State:
        """Graphs of these sizes, `(B,)`, all classes 0: the shapes to generate."""
        layouts = {"nodes": Padded.of(sizes), "edges": Padded.of(sizes * (sizes - 1) // 2)}
        return State({name: layout.present.to(torch.int64) * 0 for name, layout in layouts.items()}, layouts)

    @property
    def exact(self) -> tuple[str, ...]:
        """Conditions that hold by construction."""
        return ("atoms",)

    def ask(self, name: str, value: Asked) -> Tensor:
        """A number of nodes, `()`."""
        return number(name, value)

    def hold(self, denoise: Denoise, like: State, rng: Streams, cond: Mapping[str, Tensor]) -> Denoise:
        """The denoiser itself: the number of nodes is that of the shapes."""
        return denoise

    def blank(self, rng: Streams, cond: Mapping[str, Tensor]) -> State:
        """The shapes to generate, one graph for each stream: of `atoms` nodes, or as many as training graphs have.

        Raises:
            InputError: When `atoms` is not a whole number that training graphs may have.
        """
        return self.template(self._asked(cond["atoms"]) if "atoms" in cond else self.draw_sizes(rng))

    def _asked(self, atoms: Tensor) -> Tensor:
        outside = (atoms < 1) | (atoms > self.max_nodes) | (atoms != atoms.round())
        if outside.any():
            raise InputError(f"condition atoms={float(atoms[outside][0]):g}: a whole number from 1 to {self.max_nodes}")
        return atoms.long()

    def draw_sizes(self, streams: Streams) -> Tensor:
        """A number of nodes for each stream, `(B,)`, from the law of the training data."""
        return streams.categorical(torch.tensor(self.sizes, dtype=torch.float64).expand(len(streams), -1))

    def dump(self) -> dict[str, Any]:
        """The codec as JSON values."""
        return dumped(self)

    @classmethod
    def load(cls, values: Mapping[str, Any]) -> Self:
        """The codec that `dump` wrote.

        Raises:
            InputError: When a value is missing, unknown, of the wrong type or inconsistent.
        """
        return loaded(cls, values, "codec")

    def _laws(self) -> list[tuple[str, tuple[float, ...], int]]:
        return [
            ("sizes", self.sizes, self.max_nodes + 1),
            ("node_marginals", self.node_marginals, self.node_classes),
            ("edge_marginals", self.edge_marginals, self.edge_classes),
        ]

    def _sift(self, objects: Sequence[Native]) -> Sifted[Packed]:
        return sift(objects, self._fitting, self.name)

    def _fitting(self, thing: Native) -> Packed:
        graph = self.pack(thing)
        if len(graph.nodes) > self.max_nodes:
            raise Unrepresentable(f"{len(graph.nodes)} nodes, more than {self.max_nodes}")
        return graph


def _table(graphs: Sequence[Packed]) -> Arrays:
    if not graphs:
        raise InputError("none of the molecules or graphs can be represented")
    sizes = torch.tensor([len(graph.nodes) for graph in graphs])
    most = int(sizes.max())
    nodes, edges = zip(*graphs, strict=True)
    return {"nodes": pad(nodes, most), "edges": pad(edges, size(most)), "sizes": sizes}


def _state(arrays: Mapping[str, Tensor], index: Tensor | slice) -> State:
    sizes = arrays["sizes"][index]
    most = int(sizes.max())
    fields = {"nodes": arrays["nodes"][:, :most][index], "edges": arrays["edges"][:, : size(most)][index]}
    layouts = {"nodes": Padded.of(sizes), "edges": Padded.of(sizes * (sizes - 1) // 2)}
    return State({name: classes.to(torch.int64) for name, classes in fields.items()}, layouts)
