r"""Energies and relaxation by CHGNet, a potential whose weights come with its package.

An *energy above the reference* is that of a relaxed sample minus that of the most stable relaxed reference of the same
reduced composition, per atom. It is no energy above the hull: a compound at zero may still decompose into others.
The *RMSD to the relaxed structure* is how far its atoms move, in Å on the mean of both cells, without their common
drift. Relaxation moves cell and sites, until forces are below 0.1 eV/Å or for 200 steps.

References:
    | CHGNet as a pretrained universal neural network potential (Deng et al., 2023), https://arxiv.org/abs/2302.14231
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure

from geodrift.errors import InputError
from geodrift_crystals.metrics.address import address
from geodrift_crystals.metrics.store import kept

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]

FORCE = 0.1  # eV/Å
STEPS = 200


@dataclass(frozen=True)
class Relaxed:
    """What relaxation makes of structures; NaN where CHGNet has no answer.

    Arguments:
        before: Energies per atom as given, `(n,)`, eV.
        after: When relaxed.
        moved: RMSD to the relaxed structure, Å.
        converged: Whether the forces became small in time.
    """

    before: Floats
    after: Floats
    moved: Floats
    converged: Flags


def described() -> str:
    """The potential in a few words.

    Raises:
        InputError: When the package is not installed, with the command that installs it.
    """
    try:
        return f"CHGNet {metadata.version('chgnet')}"
    except metadata.PackageNotFoundError:
        raise InputError('chgnet is not installed; pip install "geodrift[crystals-energy]"') from None


def energies(structures: Sequence[Structure], jobs: int = 1) -> Floats:
    """Energies per atom as they are, `(n,)`, eV; NaN where CHGNet has no answer."""
    names = list(map(address, structures))
    rows = kept(f"energies 1, {described()}", names, structures, _energies, jobs)
    return np.array([row[0] for row in rows])


def relaxed(structures: Sequence[Structure], jobs: int = 1) -> Relaxed:
    """What relaxation makes of structures."""
    kind = f"relaxed 1, {described()}, {FORCE} eV/Å, {STEPS} steps"
    rows = kept(kind, list(map(address, structures)), structures, _relaxations, jobs, 4)
    before, after, moved, converged = np.array(rows).reshape(-1, 4).T
    return Relaxed(before, after, moved, converged > 0)


def rmsd(one: Structure, other: Structure) -> float:
    """How far sites move from one structure to the other, Å, without their common drift."""
    step = other.frac_coords - one.frac_coords
    step = step - np.round(step)
    cell = (one.lattice.matrix + other.lattice.matrix) / 2
    return float(np.sqrt((((step - step.mean(0)) @ cell) ** 2).sum(1).mean()))


def _energies(structures: Sequence[Structure]) -> list[Floats]:
    return _quietly(_energy, structures, 1)


def _relaxations(structures: Sequence[Structure]) -> list[Floats]:
    return _quietly(_relaxation, structures, 4)


def _quietly(function: Callable[[Structure], Floats], structures: Sequence[Structure], width: int) -> list[Floats]:
    """Rows of a function, NaN where it fails; on one thread, since the linear algebra of small cells spins on more."""
    import torch
    from threadpoolctl import threadpool_limits

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1), redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [_or_nan(function, structure, width) for structure in structures]
    finally:
        torch.set_num_threads(threads)


def _or_nan(function: Callable[[Structure], Floats], structure: Structure, width: int) -> Floats:
    try:
        return function(structure)
    except Exception:  # whatever the graph or the optimiser of a broken crystal raises: there is no answer
        return np.full(width, np.nan)


def _energy(structure: Structure) -> Floats:
    return np.array([float(_model().predict_structure(_bare(structure), task="e")["e"])])


def _relaxation(structure: Structure) -> Floats:
    from chgnet.model.dynamics import StructOptimizer

    optimizer = StructOptimizer(model=_model(), use_device="cpu")
    found: dict[str, Any] = optimizer.relax(_bare(structure), fmax=FORCE, steps=STEPS, verbose=False)
    path, end = found["trajectory"], found["final_structure"]
    energy = np.array(path.energies) / len(structure)
    converged = len(path.energies) <= STEPS + 1  # the start, every step, and the end once more
    return np.array([energy[0], energy[-1], rmsd(structure, end), float(converged)])


def _bare(structure: Structure) -> Structure:
    return Structure(structure.lattice, structure.species, structure.frac_coords)


@cache
def _model() -> Any:
    from chgnet.model import CHGNet

    return CHGNet.load(use_device="cpu", verbose=False)
