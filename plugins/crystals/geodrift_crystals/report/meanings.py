"""What the figures of crystals are, in a few words, for the table of the report."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

MEANINGS: Mapping[str, str] = {
    "struct_valid": "no two atoms nearer than 0.5 Å, a volume of at least 0.1 Å³",
    "comp_valid": "charge-neutral with common oxidation states (SMACT)",
    "valid": "valid in structure and composition",
    "unique": "different from each other",
    "novel": "not in the training data",
    "vun": "valid, unique and novel",
    "cov_recall": "share of the reference near a sample",
    "cov_precision": "share of the samples near the reference",
    "amsd_recall": "mean distance of structure from the reference to the nearest sample",
    "amsd_precision": "mean distance of structure from samples to the nearest reference",
    "amcd_recall": "mean distance of composition from the reference to the nearest sample",
    "amcd_precision": "mean distance of composition from samples to the nearest reference",
    "density_w1": "Wasserstein distance of density, g/cm³",
    "elements_w1": "Wasserstein distance of the number of elements",
    "energy_w1": "Wasserstein distance of CHGNet's energy, eV/atom",
    "spacegroup_tv": "share of space groups that would have to change",
    "match": "share of structures that are found",
    "rmse": "deviation of those that are found, of the cube root of the volume per atom",
    "crmse": "the same over all, 0.5 for each that is not found",
    "metre": "share of the reference found by any sample of its composition",
    "metre_rmse": "deviation of those that are found so",
    "metre_crmse": "the same over all, 0.5 for each that is not found",
    "relaxed": "relaxation ends",
    "relax_rmsd": "how far atoms move in relaxation, Å",
    "relax_gain": "energy that relaxation gains, eV/atom",
    "above_reference": "energy above the reference of the same composition, eV/atom; no energy above the hull",
}


def meanings(names: Iterable[str]) -> dict[str, str]:
    """What figures of these names are; `match_20` is the match of the best of 20."""
    return {name: MEANINGS.get(re.sub(r"_\d+$", "", name), "") for name in names}
