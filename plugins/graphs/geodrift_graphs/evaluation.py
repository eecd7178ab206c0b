"""Which figures a set of samples gets: those of molecules, or those of graphs without labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from networkx import Graph
from rdkit.Chem import Mol

from geodrift.errors import InputError, unknown
from geodrift.metric import Metric
from geodrift_graphs.metrics.batches import each
from geodrift_graphs.metrics.families import connected
from geodrift_graphs.metrics.graphs import evaluate_graphs
from geodrift_graphs.metrics.molecules import evaluate_molecules
from geodrift_graphs.metrics.validity import verdicts
from geodrift_graphs.molecules.vocabulary import sanitised, smiles

MOLECULES = ("jobs", "seed")
GRAPHS = ("jobs", "seed", "protocol", "family")


def evaluate(
    samples: Sequence[Any], reference: Sequence[Any], training: Sequence[Any], options: Mapping[str, Any]
) -> list[Metric]:
    """All figures of these samples; those that need an absent (empty) reference are left out.

    Arguments:
        samples: Molecules, valid or not, or networkx graphs.
        reference: Held-out objects of the same kind.
        training: What the model has seen.
        options: `jobs` and `seed`; for graphs also `protocol` ("emd" or "tv") and `family`.
    """
    molecular = bool(samples) and isinstance(samples[0], Mol)
    for thing in (*samples[:1], *reference[:1], *training[:1]):
        if isinstance(thing, Mol) != molecular:
            raise InputError("molecules cannot be compared with graphs; give files of one kind")
    given = _given(options, MOLECULES if molecular else GRAPHS)
    if molecular:
        real, seen = (each(_lines, part, given.get("n_jobs", 1)) or None for part in (reference, training))
        return evaluate_molecules(samples, real, seen, **given)
    return evaluate_graphs(samples, reference or None, training or None, **given)


def rows(samples: Sequence[Any], options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What is known of each sample alone, a row each; the SMILES of what is no valid molecule is empty.

    Arguments:
        samples: Molecules, valid or not, or networkx graphs.
        options: As for `evaluate`.
    """
    molecular = bool(samples) and isinstance(samples[0], Mol)
    jobs = _given(options, MOLECULES if molecular else GRAPHS).get("n_jobs", 1)
    described = each(_molecules if molecular else _graphs, samples, jobs)
    return [{"index": index, **row} for index, row in enumerate(described)]


def _molecules(molecules: Sequence[Mol]) -> list[dict[str, Any]]:
    return [
        {
            "smiles": found.smiles or "",
            "atoms": molecule.GetNumAtoms(),
            "valid": found.valid,
            "valid_gdss": found.charged,
            "valid_corrected": found.corrected,
            "connected": found.connected,
        }
        for molecule, found in zip(molecules, verdicts(molecules), strict=True)
    ]


def _graphs(graphs: Sequence[Graph]) -> list[dict[str, Any]]:
    return [{"nodes": len(g), "edges": g.number_of_edges(), "connected": bool(connected(g))} for g in graphs]


def _given(options: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """The options as the metrics call them."""
    for key in options:
        if key not in keys:
            raise unknown("option of evaluate", key, keys)
    jobs, seed = options.get("jobs", 1), options.get("seed", 0)
    if not isinstance(jobs, int) or jobs < -1 or jobs == 0:
        raise InputError(f"jobs: a number of processes, or -1 for all cores, not {jobs!r}")
    if not isinstance(seed, int) or seed < 0:
        raise InputError(f"seed: a whole number from 0, not {seed!r}")
    return {"n_jobs" if key == "jobs" else key: value for key, value in options.items()}


def _lines(molecules: Sequence[Mol]) -> list[str]:
    return [smiles(molecule) for molecule in molecules]


def glance(samples: Sequence[Any]) -> dict[str, float]:
    """A few shares that cost little, by the names that `evaluate` gives them."""
    if not samples:
        return {}
    if not isinstance(samples[0], Mol):
        return {"connected": sum(map(connected, samples)) / len(samples)}
    valid = [smiles(molecule) for molecule in map(sanitised, samples) if molecule is not None]
    return {
        "valid": len(valid) / len(samples),
        "valid_connected": sum("." not in line for line in valid) / len(samples),
        "unique": len(set(valid)) / max(len(valid), 1),
    }
