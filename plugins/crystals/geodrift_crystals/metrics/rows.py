r"""What is known of each sample alone, as a table.

Predictions have the reference that they are paired with and their distance from it, as `match` and `rmse` find it, in
units of :math:`(V/N)^{1/3}`. What does not exist is None: the distance of what does not match, the density of what is
no crystal, the energy where CHGNet has no answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

import numpy as np
from pymatgen.core import Structure

from geodrift_crystals.likeness import ID, identifier
from geodrift_crystals.metrics import charges, energy, symmetry
from geodrift_crystals.metrics.matching import PREDICTION, distances
from geodrift_crystals.metrics.pairing import paired
from geodrift_crystals.metrics.settings import Settings
from geodrift_crystals.metrics.validity import structurally_valid

Row = dict[str, Any]
Column = Mapping[int, Any]
"""Values by the number of the sample."""


def table(samples: Sequence[Structure | None], reference: Sequence[Structure], settings: Settings) -> list[Row]:
    """A row for each sample.

    Arguments:
        samples: None for one that could not be built.
        reference: The structures that they predict, or nothing.
        settings: Of the evaluation; `energy` adds that of CHGNet, eV/atom.

    Raises:
        InputError: When samples do not pair with the reference.
    """
    sound = [i for i, sample in enumerate(samples) if structurally_valid(sample)]
    crystals = {i: sample for i in sound if (sample := samples[i]) is not None}
    columns = {"density": {i: float(s.density) for i, s in crystals.items()}, **_groups(crystals, settings)}
    if reference:
        columns |= _apart(samples, reference, settings)
    if settings.energy:
        columns["energy"] = _numbers(crystals, energy.energies(list(crystals.values()), settings.jobs))
    return [
        _described(i, sample, i in crystals, settings) | {name: column.get(i) for name, column in columns.items()}
        for i, sample in enumerate(samples)
    ]


def _described(index: int, sample: Structure | None, sound: bool, settings: Settings) -> Row:
    made = sample is not None and charges.plausible(sample.composition, settings.smact)
    return {
        "index": index,
        "name": "" if sample is None else str(sample.properties.get(ID, "")),
        "formula": "" if sample is None else sample.composition.formula,
        "atoms": 0 if sample is None else len(sample),
        "struct_valid": sound,
        "comp_valid": made,
        "valid": sound and made,
    }


def _groups(crystals: Mapping[int, Structure], settings: Settings) -> dict[str, Column]:
    numbers = symmetry.space_groups(list(crystals.values()), settings.symprec, settings.jobs)
    return {"space_group": {i: int(n) or None for i, n in zip(crystals, numbers, strict=True)}}


def _apart(
    samples: Sequence[Structure | None], reference: Sequence[Structure], settings: Settings
) -> dict[str, Column]:
    """The reference of each sample, and the distance from it."""
    own = [copy(sample) for sample in samples]  # two things, also where one is given twice
    places = {id(sample): i for i, sample in enumerate(own) if sample is not None}
    groups = paired(own, reference).groups
    pairs = {places[id(s)]: i for i, group in enumerate(groups) for s in group[: settings.k] if s is not None}
    found = distances([own[j] for j in pairs], [reference[i] for i in pairs.values()], PREDICTION, settings.jobs)
    names = {j: identifier(reference[i].properties, i) for j, i in pairs.items()}
    return {"reference": names, "rms": _numbers(pairs, found)}


def _numbers(places: Mapping[int, Any], values: Sequence[float] | np.ndarray[Any, Any]) -> Column:
    return {i: float(value) for i, value in zip(places, values, strict=True) if np.isfinite(value)}
