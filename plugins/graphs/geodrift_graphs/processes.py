r"""Graphs on every kind of path: one data path, one denoiser, one choice in the config.

Nodes and edges are classes. A path moves them as classes (discrete flow), as evidence for classes (Bayesian flow), as
one-hot vectors (rectified flow), or, as in GDSS, nodes as one-hot vectors and the adjacency as one real number a pair,
each under its own SDE, coupled only through the network.

References:
    | Score-based Generative Modeling of Graphs via the System of SDEs (Jo et al., 2022), https://arxiv.org/abs/2202.02514
    | DeFoG: Discrete Flow Matching for Graph Generation (Qin et al., 2025), https://arxiv.org/abs/2410.04263
    | Bayesian Flow Networks (Graves et al., 2023), https://arxiv.org/abs/2308.07037
"""

from __future__ import annotations

from typing import Any, Literal

from geodrift.embeddings import OneHot, Ordinal
from geodrift.parametrization import Classes, Linear, Noise, Parametrization
from geodrift.processes import Affine, Bayesian, Jump, Product
from geodrift.processes.accuracy import Quadratic
from geodrift.processes.families import Categorical
from geodrift.registry import Positive, Role
from geodrift.schedules import VP, Rectified, Schedule
from geodrift_graphs.codec import Codec

processes = Role("process")


@processes.register("discrete-flow")
def discrete_flow(
    codec: Codec[Any],
    source: Literal["masked", "uniform", "marginal"] = "masked",
    schedule: Schedule = Rectified(),
    elbo: bool = False,
) -> Product:
    """Classes that are masked, or replaced by uniform classes or by classes as frequent as in the data.

    Arguments:
        source: What the classes are replaced by.
        schedule: Its signal is the share of classes not yet replaced.
        elbo: Weight the loss as the bound of the likelihood of a masked process does.
    """

    def field(classes: int, marginals: tuple[float, ...]) -> Jump:
        at_one = {"masked": (0.0,) * classes + (1.0,), "uniform": (1 / classes,) * classes, "marginal": marginals}
        return Jump(classes, at_one[source], schedule, elbo)

    nodes, edges = (codec.node_classes, codec.node_marginals), (codec.edge_classes, codec.edge_marginals)
    return Product({"nodes": field(*nodes), "edges": field(*edges)})


@processes.register("bayesian-flow")
def bayesian_flow(codec: Codec[Any], node_accuracy: Positive = 3.0, edge_accuracy: Positive = 3.0) -> Product:
    """Evidence about classes that grows towards the data.

    Arguments:
        node_accuracy: Accuracy of the evidence about nodes at the data.
        edge_accuracy: Accuracy of the evidence about edges at the data.
    """
    nodes = Bayesian(Categorical(codec.node_classes), Quadratic(node_accuracy))
    return Product({"nodes": nodes, "edges": Bayesian(Categorical(codec.edge_classes), Quadratic(edge_accuracy))})


@processes.register("rectified-flow")
def rectified_flow(
    codec: Codec[Any], schedule: Schedule = Rectified(), predict: Parametrization = Classes()
) -> Product:
    """Straight paths from noise to one-hot vectors.

    Arguments:
        schedule: Scales of the one-hot vectors and of the noise.
        predict: What the network predicts.
    """

    def field(classes: int) -> Affine:
        return Affine(schedule, OneHot(classes, scale=2.0), predict)

    return Product({"nodes": field(codec.node_classes), "edges": field(codec.edge_classes)})


@processes.register("gdss")
def gdss(
    codec: Codec[Any],
    nodes: Schedule = VP(),
    edges: Schedule = VP(),
    predict: Parametrization = Noise(),
    weighting: Linear | None = None,
    node_scale: Positive = 1.0,
    edge_scale: Positive = 1.0,
) -> Product:
    """A system of SDEs: one on the one-hot nodes and one on the bond orders of the adjacency.

    Arguments:
        nodes: Schedule of the nodes.
        edges: Schedule of the adjacency.
        predict: What the network predicts.
        weighting: The row whose squared error is the loss.
        node_scale: Value of the class a node has; the others are zero.
        edge_scale: Distance between bond orders.
    """
    atoms = Affine(nodes, OneHot(codec.node_classes, node_scale), predict, weighting, data_std=node_scale / 2)
    bonds = Affine(edges, Ordinal(codec.edge_classes, edge_scale), predict, weighting, data_std=edge_scale)
    return Product({"nodes": atoms, "edges": bonds})


def orders(process: Product, codec: Codec[Any]) -> tuple[float, ...]:
    """The bond order that each channel of the edges stands for, as the network sees a clean graph.

    It is 0 for "no bond" and for a mask.
    """
    edges = process.parts["edges"]
    if isinstance(edges, Affine) and isinstance(edges.embedding, OneHot | Ordinal):
        gain = edges.data_std / edges.embedding.scale
        return tuple(gain * order for order in (codec.orders if isinstance(edges.embedding, OneHot) else (1.0,)))
    return (*codec.orders, *(0.0,) * (edges.channels[0] - codec.edge_classes))
