"""Sets of valid molecules: all that the distances need, per molecule and summarised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import fcd
import numpy as np
import rdkit
from numpy.typing import NDArray
from rdkit import Chem, rdBase

from geodrift.errors import InputError
from geodrift_graphs.metrics import cache, descriptors, embedding, frechet, nspdk, similarity
from geodrift_graphs.metrics.batches import batches, each

_KIND = f"molecules 1 fcd {fcd.__version__} rdkit {rdkit.__version__}"


@dataclass(frozen=True)
class Summary:
    """A set of molecules, as reference sets are kept.

    Arguments:
        activations: Moments of ChemNet's activations.
        graphs: Mean of the NSPDK features.
        properties: `(n, 4)`, columns as `descriptors.NAMES`.
        scaffolds: How often each scaffold occurs.
        fingerprints: Packed, `(n, 128)`.
    """

    activations: frechet.Gaussian
    graphs: embedding.Mean
    properties: NDArray[np.float64]
    scaffolds: dict[str, int]
    fingerprints: NDArray[np.uint8]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The summary as named arrays."""
        return {
            "mean": self.activations.mean,
            "covariance": self.activations.covariance,
            "feature": self.graphs.feature,
            "value": self.graphs.value,
            "properties": self.properties,
            "scaffold": np.array(list(self.scaffolds), np.str_),
            "count": np.array(list(self.scaffolds.values()), np.int64),
            "fingerprints": self.fingerprints,
        }

    @classmethod
    def of(cls, arrays: cache.Arrays) -> Summary:
        """The summary that these arrays describe."""
        return cls(
            frechet.Gaussian(arrays["mean"], arrays["covariance"]),
            embedding.Mean(arrays["feature"], arrays["value"]),
            arrays["properties"],
            dict(zip(arrays["scaffold"].tolist(), arrays["count"].tolist(), strict=True)),
            arrays["fingerprints"],
        )


@dataclass(frozen=True)
class Profile:
    """A set of molecules, one row each.

    Arguments:
        activations: ChemNet's, `(n, 512)`.
        graphs: NSPDK features.
        properties: `(n, 4)`, columns as `descriptors.NAMES`.
        scaffolds: SMILES of the scaffolds, `n`.
        fingerprints: Packed, `(n, 128)`.
    """

    activations: NDArray[np.float64]
    graphs: embedding.Features
    properties: NDArray[np.float64]
    scaffolds: list[str]
    fingerprints: NDArray[np.uint8]

    @classmethod
    def of(cls, molecules: Sequence[Chem.Mol], n_jobs: int = 1) -> Profile:
        """The rows of sanitised molecules; ChemNet runs here on torch's own threads, the rest on `n_jobs` processes."""
        return cls(
            frechet.activations([Chem.MolToSmiles(molecule) for molecule in molecules]),
            embedding.join(batches(nspdk.features, molecules, n_jobs, 128)),
            np.concatenate(batches(descriptors.properties, molecules, n_jobs)),
            each(descriptors.scaffolds, molecules, n_jobs),
            np.concatenate(batches(descriptors.fingerprints, molecules, n_jobs)),
        )

    def summary(self) -> Summary:
        """The set as a reference."""
        return Summary(
            frechet.Gaussian.fit(self.activations),
            self.graphs.mean(),
            self.properties,
            similarity.counts(self.scaffolds),
            self.fingerprints,
        )


def summarise(smiles: Sequence[str], n_jobs: int = 1) -> Summary:
    """The summary of a file's molecules, from the cache when it was computed before."""
    name = cache.key(f"{_KIND} summary", smiles)
    return Summary.of(cache.cached(name, lambda: Profile.of(parsed(smiles, n_jobs), n_jobs).summary().arrays()))


def canonical(smiles: Sequence[str], n_jobs: int = 1) -> frozenset[str]:
    """The canonical SMILES without stereochemistry of a file's molecules, from the cache when computed before."""
    name = cache.key(f"{_KIND} canonical", smiles)
    lines = cache.cached(name, lambda: {"lines": _encoded(each(_canonical, smiles, n_jobs))})["lines"]
    return frozenset(lines.tobytes().decode().split("\n"))


def parsed(smiles: Sequence[str], n_jobs: int = 1) -> list[Chem.Mol]:
    """The molecules of those SMILES that RDKit reads.

    Raises:
        InputError: When fewer than two are left.
    """
    molecules = [molecule for molecule in each(_parsed, smiles, n_jobs) if molecule is not None]
    if len(molecules) < 2:
        raise InputError(f"reference: {len(molecules)} of {len(smiles)} SMILES are molecules; two are needed")
    return molecules


def _parsed(smiles: Sequence[str]) -> list[Chem.Mol | None]:
    with rdBase.BlockLogs():
        return [Chem.MolFromSmiles(line) for line in smiles]


def _canonical(smiles: Sequence[str]) -> list[str]:
    found = (molecule for molecule in _parsed(smiles) if molecule is not None)
    return [Chem.MolToSmiles(molecule, isomericSmiles=False) for molecule in found]


def _encoded(lines: Sequence[str]) -> NDArray[np.uint8]:
    return np.array(bytearray("\n".join(sorted(set(lines))).encode()), np.uint8)
