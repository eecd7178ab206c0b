"""The domain of graphs: molecules and graphs without labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import networkx as nx
from rdkit.Chem import Mol, MolFromSmiles
from torch import nn

from geodrift import __version__
from geodrift.domain import Reading, Symmetry
from geodrift.metric import Metric
from geodrift.processes import Product
from geodrift.registry import Role
from geodrift_graphs import codec as codecs
from geodrift_graphs import processes
from geodrift_graphs.codec import Codec, GraphCodec, MoleculeCodec
from geodrift_graphs.molecules.vocabulary import smiles
from geodrift_graphs.networks.gdss import ScoreNetworks
from geodrift_graphs.networks.transformer import GraphTransformer
from geodrift_graphs.symmetry import PERMUTATION

networks = Role("network")
networks.register("graph-transformer")(GraphTransformer)
networks.register("gdss")(ScoreNetworks)

data = Role("data")
data.register("molecules")(MoleculeCodec.fit)
data.register("graphs")(GraphCodec.fit)
READING = ("where",)
DEFAULT = "qm9"
EXAMPLES = ("C", "O=C=O", "CC#N", "c1ccoc1", "C[NH3+].[Cl-]", "C[N+](=O)[O-]", "CC(C)(F)S(N)(=O)=O", "c1ccc2[nH]ccc2c1")


class Graphs:
    """Molecules (RDKit) and graphs without labels (networkx), on one path."""

    name = "graphs"
    version = __version__
    fields: Mapping[str, str] = {
        "nodes": "classes, padded (B, N)",
        "edges": "classes of unordered pairs, padded (B, N (N - 1) / 2)",
    }

    def presets(self) -> Mapping[str, Path]:
        return _presets()

    def read(self, path: Path, where: Mapping[str, str]) -> Reading:
        from geodrift_graphs.files import read

        return read(path, where)

    def samples(self, path: Path) -> list[Any]:
        from geodrift_graphs.files import samples

        return samples(path)

    def write(self, objects: Sequence[Any], folder: Path) -> list[Path]:
        from geodrift_graphs.files import write

        return write(objects, folder)

    def fit(self, objects: Sequence[Any], options: Mapping[str, Any]) -> Codec[Any]:
        asked = {key: value for key, value in options.items() if key not in READING}
        kind = "molecules" if isinstance(objects[0], Mol) else "graphs"
        fitted: Codec[Any] = data.build({"kind": kind, **asked}, molecules=objects, graphs=objects)
        return fitted

    def codec(self, values: Mapping[str, Any]) -> Codec[Any]:
        return codecs.load(values)

    def process(self, spec: Mapping[str, Any], codec: Codec[Any]) -> Product:
        built: Product = processes.processes.build({"kind": "discrete-flow", **spec}, codec=codec)
        return built

    def network(self, spec: Mapping[str, Any], codec: Codec[Any], process: Product) -> nn.Module:
        (nodes_in, nodes_out), (edges_in, edges_out) = process.channels["nodes"], process.channels["edges"]
        built: nn.Module = networks.build(
            {"kind": "graph-transformer", **spec},
            nodes_in=nodes_in,
            nodes_out=nodes_out,
            edges_in=edges_in,
            edges_out=edges_out,
            orders=processes.orders(process, codec),
            conditions=codec.scales,
        )
        return built

    def evaluate(
        self, samples: Sequence[Any], reference: Sequence[Any], training: Sequence[Any], options: Mapping[str, Any]
    ) -> list[Metric]:
        from geodrift_graphs.evaluation import evaluate

        return evaluate(samples, reference, training, options)

    def rows(
        self, samples: Sequence[Any], reference: Sequence[Any], options: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        from geodrift_graphs.evaluation import rows

        return rows(samples, options)

    def glance(self, samples: Sequence[Any]) -> dict[str, float]:
        from geodrift_graphs.evaluation import glance

        return glance(samples)

    def report(self, samples: Sequence[Any], reference: Sequence[Any], metrics: Sequence[Metric]) -> str:
        from geodrift_graphs.report import body

        return body(samples, reference, metrics)

    def examples(self) -> list[Any]:
        return [MolFromSmiles(line) for line in EXAMPLES]

    def symmetries(self) -> Mapping[str, Symmetry]:
        return {"order of the nodes": PERMUTATION}

    def same(self, one: Any, other: Any) -> bool:
        if isinstance(one, Mol):
            return isinstance(other, Mol) and smiles(one) == smiles(other)
        return bool(nx.is_isomorphic(one, other))


@cache
def _presets() -> Mapping[str, Path]:
    folder = Path(__file__).parent / "presets"
    found = {path.parent.name: path.parent for path in sorted(folder.glob("*/config.toml"))}
    return {DEFAULT: found[DEFAULT], **found}


domain = Graphs()
