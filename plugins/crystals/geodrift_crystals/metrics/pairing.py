r"""Which samples predict the structure of which reference.

Where all samples and references carry a `material_id` among their properties, these decide; otherwise the order does:
the first `k` samples belong to the first reference.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from pymatgen.core import Structure

from geodrift.errors import InputError
from geodrift_crystals.metrics.matching import formula

ID = "material_id"


def paired(samples: Sequence[Structure | None], reference: Sequence[Structure], k: int) -> list[list[Structure | None]]:
    """The samples of each reference, at most `k`, None where one could not be built.

    Raises:
        InputError: When there is no reference, the numbers do not fit, an identifier is unknown or repeated, or most
            samples are of another composition than their reference.
    """
    if not reference:
        raise InputError("task csp: every sample predicts one reference; give them with --reference")
    ids = [structure.properties.get(ID) for structure in reference]
    built = [sample for sample in samples if sample is not None]
    named = None not in ids and len(built) == len(samples) and all(ID in sample.properties for sample in built)
    groups = _by_id(built, ids, k) if named else _by_order(samples, len(reference), k)
    _check_compositions(groups, reference)
    return groups


def _by_order(samples: Sequence[Structure | None], references: int, k: int) -> list[list[Structure | None]]:
    if len(samples) != k * references:
        fits = len(samples) % references == 0 and len(samples) > 0
        hint = f"give k={len(samples) // references}" if fits else "give every reference k samples"
        raise InputError(f"task csp: {len(samples)} samples for {references} references with k={k}; {hint}, in order")
    return [list(samples[start : start + k]) for start in range(0, len(samples), k)]


def _by_id(samples: Sequence[Structure], ids: Sequence[object], k: int) -> list[list[Structure | None]]:
    groups: defaultdict[object, list[Structure | None]] = defaultdict(list)
    for sample in samples:
        groups[sample.properties[ID]].append(sample)
    if len(set(ids)) < len(ids):
        raise InputError(f"task csp: the reference has a {ID} twice; remove one")
    if strange := sorted(str(name) for name in groups.keys() - set(ids)):
        raise InputError(f"task csp: samples of {ID} {strange[0]} have no reference ({len(strange)} such)")
    if many := [name for name, group in groups.items() if len(group) > k]:
        raise InputError(f"task csp: {len(groups[many[0]])} samples of {ID} {many[0]} with k={k}; give a larger k")
    return [groups[name] for name in ids]


def _check_compositions(groups: Sequence[Sequence[Structure | None]], reference: Sequence[Structure]) -> None:
    pairs = [(sample, real) for group, real in zip(groups, reference, strict=True) for sample in group if sample]
    wrong = [(formula(sample), formula(real)) for sample, real in pairs if formula(sample) != formula(real)]
    if 2 * len(wrong) > len(pairs):
        one, other = wrong[0]
        what = f"{len(wrong)} of {len(pairs)} samples are of another composition than their reference"
        raise InputError(f"task csp: {what} ({one} for {other}); are both in one order?")
