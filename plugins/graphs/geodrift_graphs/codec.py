"""The codecs of this plugin, and the one that a checkpoint holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from geodrift.domain import Compact, Refusal
from geodrift.errors import unknown
from geodrift_graphs.generic.codec import Arrays, Codec, Encoded
from geodrift_graphs.generic.graph_codec import GraphCodec
from geodrift_graphs.molecules.codec import MoleculeCodec

__all__ = ["Arrays", "Codec", "Compact", "Encoded", "GraphCodec", "MoleculeCodec", "Refusal", "load"]


def load(values: Mapping[str, Any]) -> MoleculeCodec | GraphCodec:
    """The codec that `dump` wrote, of whichever kind."""
    kind = values.get("kind")
    if kind == "molecules":
        return MoleculeCodec.load(values)
    if kind == "graphs":
        return GraphCodec.load(values)
    raise unknown("kind of codec", str(kind), ["molecules", "graphs"])
