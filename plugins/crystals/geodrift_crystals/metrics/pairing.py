r"""Which samples predict the structure of which reference.

Samples that were generated with `--like` name the reference whose composition they were asked to have, and so do
samples all of whose own `material_id` are among the reference's. Otherwise the order decides where it fits, the first
`k` samples belonging to the first reference, and else the composition: samples of one are dealt out to its references.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from pymatgen.core import Structure

from geodrift.errors import InputError
from geodrift_crystals.likeness import ID, LIKE, identifier
from geodrift_crystals.metrics.matching import formula
from geodrift_crystals.structures import FAILED

Group = list[Structure | None]
_EACH = "task csp: every sample predicts one reference"


@dataclass(frozen=True)
class Pairs:
    """The samples of each reference.

    Arguments:
        groups: Of each reference, None for a sample that could not be built; they may have different lengths.
        how: What they were paired by, in words.
    """

    groups: list[Group]
    how: str

    @property
    def most(self) -> int:
        """The largest number of samples of a reference."""
        return max(map(len, self.groups))

    def first(self, k: int) -> list[Group]:
        """At most `k` samples of each."""
        return [group[:k] for group in self.groups]


def predicts(samples: Sequence[Structure | None]) -> bool:
    """Whether these are predictions of structures: some of them name a reference."""
    return any(sample is not None and LIKE in sample.properties for sample in samples)


def paired(samples: Sequence[Structure | None], reference: Sequence[Structure]) -> Pairs:
    """The samples of each reference.

    Raises:
        InputError: When there is no reference, samples belong to none of them, or are of another composition.
    """
    if not reference:
        raise InputError(f"{_EACH}; give them with --reference")
    names = [identifier(structure.properties, i) for i, structure in enumerate(reference)]
    asked = _property(samples, LIKE)
    if asked is None:
        asked = _property(samples, ID)
        asked = asked if asked and set(asked) <= {*names, ""} else None
    if asked is not None and len(set(names)) == len(names):
        return Pairs(_named(samples, asked, names, reference), f"by {ID}")
    return _unnamed(samples, reference)


def _property(samples: Sequence[Structure | None], key: str) -> list[str] | None:
    """This property of all samples, empty where one is no crystal; None when one that is has none."""
    found = [str(sample.properties.get(key, "")) if sample is not None else "" for sample in samples]
    built = [
        n for n, sample in zip(found, samples, strict=True) if sample is not None and FAILED not in sample.properties
    ]
    return found if built and all(built) else None


def _named(
    samples: Sequence[Structure | None], asked: Sequence[str], names: Sequence[str], reference: Sequence[Structure]
) -> list[Group]:
    known = set(names)
    strange = [name for name in asked if name and name not in known]
    if strange:
        what = f"{len(strange)} of {len(samples)} samples predict what is not in the reference"
        raise InputError(f"task csp: {what}, the first {strange[0]}; is it the file that was asked for?")
    groups = _grouped(samples, asked)
    found = [groups.get(name, []) for name in names]
    _check_compositions(found, reference)
    return found


def _unnamed(samples: Sequence[Structure | None], reference: Sequence[Structure]) -> Pairs:
    k, rest = divmod(len(samples), len(reference))
    in_order = [list(samples[start : start + k]) for start in range(0, len(samples), k)] if k and not rest else []
    if in_order and not _wrong(in_order, reference):
        return Pairs(in_order, "by their order")
    dealt = _dealt(samples, reference)
    strays = len(samples) - sum(map(len, dealt))
    if 2 * strays >= len(samples):
        known = set(map(formula, reference))
        first = next((formula(s) for s in samples if s and formula(s) not in known), "none of them a crystal")
        what = f"{strays} of {len(samples)} samples are of the composition of no reference, such as {first}"
        raise InputError(f"task csp: {what}; give the reference that they predict")
    left = f"; {strays:,} samples are of the composition of none and left out" if strays else ""
    return Pairs(dealt, f"by composition{left}")


def _dealt(samples: Sequence[Structure | None], reference: Sequence[Structure]) -> list[Group]:
    """The samples of each composition, dealt out to its references in turn."""
    groups = _grouped(samples, [None if sample is None else formula(sample) for sample in samples])
    kinds = [formula(structure) for structure in reference]
    places = _places(kinds)
    found: list[Group] = [[] for _ in reference]
    for kind, members in places.items():
        for turn, sample in enumerate(groups.get(kind, [])):
            found[members[turn % len(members)]].append(sample)
    return found


def _grouped(samples: Sequence[Structure | None], keys: Sequence[Hashable]) -> Mapping[Hashable, Group]:
    groups: defaultdict[Hashable, Group] = defaultdict(list)
    for sample, key in zip(samples, keys, strict=True):
        groups[key].append(sample)
    return groups


def _places(kinds: Sequence[str]) -> Mapping[str, list[int]]:
    found: defaultdict[str, list[int]] = defaultdict(list)
    for place, kind in enumerate(kinds):
        found[kind].append(place)
    return found


def _wrong(groups: Sequence[Group], reference: Sequence[Structure]) -> list[tuple[str, str]]:
    """Formulas of samples, and of their references, that differ."""
    told = [(formula(s), formula(real)) for group, real in zip(groups, reference, strict=False) for s in group if s]
    return [pair for pair in told if pair[0] != pair[1]]


def _check_compositions(groups: Sequence[Group], reference: Sequence[Structure]) -> None:
    wrong = _wrong(groups, reference)
    if 2 * len(wrong) > sum(map(len, groups)):
        what = f"{len(wrong)} of {sum(map(len, groups))} samples are of another composition than their reference"
        raise InputError(f"task csp: {what} ({wrong[0][0]} for {wrong[0][1]}); is it the file that was asked for?")
