r"""Molecules as states: atom tokens and bond orders, with conditions computed by RDKit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Self

import torch
from rdkit import Chem
from torch import Tensor

from geodrift.errors import InputError
from geodrift.registry import Count
from geodrift_graphs.generic.codec import Codec
from geodrift_graphs.generic.packed import Packed, sift
from geodrift_graphs.generic.statistics import scale, spread, statistics
from geodrift_graphs.molecules.properties import table
from geodrift_graphs.molecules.vocabulary import BONDS, Vocabulary, parse, sanitised


@dataclass(frozen=True, kw_only=True)
class MoleculeCodec(Codec[Chem.Mol]):
    """The codec of molecules.

    Arguments:
        tokens: Atom token of each node class, the most frequent first.
    """

    kind: Literal["molecules"] = "molecules"
    tokens: tuple[str, ...]

    @classmethod
    def fit(
        cls,
        molecules: Sequence[Chem.Mol],
        max_nodes: Count | None = None,
        conditions: Sequence[str] = (),
        min_count: Count = 1,
    ) -> Self:
        """The codec of these molecules.

        Arguments:
            molecules: Training molecules; those that cannot be represented are passed over.
            max_nodes: Largest number of heavy atoms, by default that of the largest molecule.
            conditions: Names of properties.
            min_count: Atoms of a type needed for it to become a token.
        """
        names = list(conditions)
        parsed = sift(molecules, parse, _name)
        fitting = [parts for parts in parsed.results if max_nodes is None or len(parts[0]) <= max_nodes]
        counts = Counter(token for tokens, _ in fitting for token in tokens)
        tokens = tuple(sorted((t for t in counts if counts[t] >= min_count), key=lambda t: (-counts[t], t)))
        if not tokens:
            raise InputError("none of the molecules can be represented; there is nothing to learn from")
        vocabulary = Vocabulary(tokens)
        graphs = sift(fitting, vocabulary.index, lambda parts: ".".join(parts[0])).results
        learned = statistics(graphs, len(tokens), len(BONDS), max_nodes)
        sample = [molecules[parsed.kept[place]] for place in spread(len(parsed.kept))]
        scales = {name: scale(torch.tensor(column)) for name, column in table(_ready(sample), names).items()}
        return cls(tokens=tokens, scales=scales, **learned)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        return Vocabulary(self.tokens)

    @property
    def node_classes(self) -> int:
        return len(self.vocabulary.tokens)

    @property
    def orders(self) -> tuple[float, ...]:
        return tuple(map(float, range(len(BONDS))))

    def pack(self, thing: Chem.Mol) -> Packed:
        return self.vocabulary.encode(thing)

    def unpack(self, graph: Packed) -> Chem.Mol:
        return self.vocabulary.decode(graph)

    def name(self, thing: Chem.Mol) -> str:
        return _name(thing)

    def conditions(self, things: Sequence[Chem.Mol], jobs: int = 1) -> dict[str, Tensor]:
        columns = table(_ready(things), list(self.scales), jobs)
        return {name: torch.tensor(column) for name, column in columns.items()}


def _ready(molecules: Sequence[Chem.Mol]) -> list[Chem.Mol]:
    return [sanitised(one) or one if one.NeedsUpdatePropertyCache() else one for one in molecules]


def _name(molecule: Chem.Mol | None) -> str:
    return "" if molecule is None else str(Chem.MolToSmiles(molecule))
