r"""Numbers that RDKit computes from a molecule: what generation can be conditioned on, and what histograms show.

References:
    | QED: Quantifying the chemical beauty of drugs (Bickerton et al., 2012), https://doi.org/10.1038/nchem.1243
    | Estimation of synthetic accessibility score (Ertl, Schuffenhauer, 2009), https://doi.org/10.1186/1758-2946-1-8
    | Atomic contributions to logP (Wildman, Crippen, 1999), https://doi.org/10.1021/ci990307l
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed
from rdkit import Chem
from rdkit.Chem import QED, Descriptors, RDConfig, rdMolDescriptors

from geodrift.errors import InputError, unknown

Property = Callable[[Chem.Mol], float]
_CHUNK = 1000  # molecules sent to a process at a time


def qed(molecule: Chem.Mol) -> float:
    """Drug-likeness, 0 to 1."""
    return float(QED.qed(molecule))  # type: ignore[no-untyped-call]


def logp(molecule: Chem.Mol) -> float:
    """Octanol-water partition coefficient by Crippen's contributions, log10."""
    return float(rdMolDescriptors.CalcCrippenDescriptors(molecule)[0])


def weight(molecule: Chem.Mol) -> float:
    """Molecular weight, g/mol."""
    return float(Descriptors.MolWt(molecule))  # type: ignore[attr-defined]


def tpsa(molecule: Chem.Mol) -> float:
    """Topological polar surface area, Å²."""
    return float(rdMolDescriptors.CalcTPSA(molecule))


def rings(molecule: Chem.Mol) -> float:
    """Number of rings in the smallest set of smallest rings."""
    return float(rdMolDescriptors.CalcNumRings(molecule))


def sa(molecule: Chem.Mol) -> float:
    """Synthetic accessibility, 1 (easy) to 10 (hard)."""
    return float(_scorer().calculateScore(molecule))


PROPERTIES: Mapping[str, Property] = {
    "qed": qed,
    "logp": logp,
    "weight": weight,
    "tpsa": tpsa,
    "rings": rings,
    "sa": sa,
}


def measure(name: str) -> Property:
    """The property of this name."""
    if name not in PROPERTIES:
        raise unknown("property", name, PROPERTIES)
    return PROPERTIES[name]


def table(molecules: Sequence[Chem.Mol], names: Iterable[str], jobs: int = 1) -> dict[str, list[float]]:
    """These properties of every molecule, computed by this many processes."""
    measures = [measure(name) for name in names]
    chunks = [molecules[start : start + _CHUNK] for start in range(0, len(molecules), _CHUNK)] if measures else []
    parts = Parallel(n_jobs=jobs)(delayed(_rows)(chunk, measures) for chunk in chunks)
    columns = zip(*(row for part in parts for row in part), strict=True)
    return {name: list(column) for name, column in zip(names, columns, strict=False)}


def _rows(molecules: Sequence[Chem.Mol], measures: Sequence[Property]) -> list[list[float]]:
    return [[of(molecule) for of in measures] for molecule in molecules]


@lru_cache(maxsize=1)
def _scorer() -> Any:
    path = Path(RDConfig.RDContribDir, "SA_Score", "sascorer.py")
    spec = importlib.util.spec_from_file_location("sascorer", path) if path.exists() else None
    if spec is None or spec.loader is None:
        raise InputError('property "sa": this RDKit has no Contrib/SA_Score; install rdkit from PyPI')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
