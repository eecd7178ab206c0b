"""Which figures a set of crystals gets, and what the same figures are for predictors that learn nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from pymatgen.core import Structure

from geodrift.errors import InputError
from geodrift.metric import Metric
from geodrift.stages import stage
from geodrift_crystals.controls import Controls
from geodrift_crystals.metrics import charges, energy
from geodrift_crystals.metrics.generation import evaluate_generation
from geodrift_crystals.metrics.pairing import paired, predicts
from geodrift_crystals.metrics.prediction import Groups, evaluate_prediction
from geodrift_crystals.metrics.relaxation import evaluate_relaxation
from geodrift_crystals.metrics.rows import table
from geodrift_crystals.metrics.settings import Settings
from geodrift_crystals.metrics.validity import VOLUME, structurally_valid
from geodrift_crystals.structures import FAILED, Unrepresentable, adopted

Samples = Sequence[Structure | None]

_CONTROLLED = 10_000  # samples of a control in structure prediction; with more, it sees fewer references
_WHATEVER_N = frozenset({"struct_valid", "comp_valid", "valid"})  # figures that do not depend on the number


def evaluate(
    samples: Sequence[Any], reference: Sequence[Any], training: Sequence[Any], options: Mapping[str, Any]
) -> list[Metric]:
    """All figures of these crystals; those that need an absent (empty) reference are left out.

    Arguments:
        samples: Structures or ASE's atoms, None for one that could not be built.
        reference: Held-out structures; in structure prediction those that the samples predict.
        training: What the model has seen, for novelty and controls.
        options: See `geodrift_crystals.metrics.settings.Settings`.

    Raises:
        InputError: For options that make no sense, what is no ordered structure, or samples that do not pair with
            the reference.
    """
    settings = _settings(options)
    samples, reference, training = (
        _adopted(name, part) for name, part in (("samples", samples), ("reference", reference), ("training", training))
    )
    if len(samples) == 0:
        return []
    return _explained(_figures(samples, reference, training, settings), samples)


def _figures(
    samples: Samples, reference: Sequence[Structure], training: Sequence[Structure], settings: Settings
) -> list[Metric]:
    if _predicted(samples, settings):
        return _prediction(samples, reference, training, settings)
    return _generation(samples, reference, training, settings)


def rows(samples: Sequence[Any], reference: Sequence[Any], options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What is known of each sample alone, a row each; see `geodrift_crystals.metrics.rows`.

    Raises:
        InputError: As `evaluate` does.
    """
    settings = _settings(options)
    samples, reference = _adopted("samples", samples), _adopted("reference", reference)
    return table(samples, reference if _predicted(samples, settings) else [], settings)


def _settings(options: Mapping[str, Any]) -> Settings:
    settings = Settings.of(options)
    if settings.energy or settings.relax:
        energy.described()  # a missing package is better known before the work than after it
    return settings


def _predicted(samples: Samples, settings: Settings) -> bool:
    """Whether the samples predict structures of the reference."""
    return settings.task == "csp" or (settings.task is None and predicts(samples))


def _explained(figures: Sequence[Metric], samples: Samples) -> list[Metric]:
    """The figures, with a word about samples that are no crystals at the first of them."""
    reasons = [str(s.properties[FAILED]) for s in samples if s is not None and FAILED in s.properties]
    if not reasons:
        return list(figures)
    told = f"{len(reasons):,} of {len(samples):,} samples are no crystals; the first: {reasons[0]}"
    return [replace(m, protocol="; ".join(filter(None, (m.protocol, told)))) for m in figures[:1]] + list(figures[1:])


def glance(samples: Sequence[Any]) -> dict[str, float]:
    """A few shares that cost little, by the names that `evaluate` gives them."""
    if not samples:
        return {}
    sound = [structurally_valid(sample) for sample in samples]
    made = [sample is not None and charges.plausible(sample.composition) for sample in samples]
    found = {"struct_valid": sound, "comp_valid": made, "valid": [a and b for a, b in zip(sound, made, strict=True)]}
    return {name: sum(flags) / len(samples) for name, flags in found.items()}


def _adopted(name: str, things: Sequence[Any]) -> list[Any]:
    """The structures, also of ASE's atoms, when all of them can be measured."""
    found = [
        None if thing is None and name == "samples" else _structure(name, i, thing) for i, thing in enumerate(things)
    ]
    for i, structure in enumerate(found):
        if structure is None:
            continue
        if not structure.is_ordered:
            raise InputError(f"{name}: number {i}, {structure.formula}, is disordered; order its sites")
        if name != "samples" and not (len(structure) and structure.volume >= VOLUME):
            raise InputError(f"{name}: number {i} has no atoms, or a cell without volume; leave it out")
    return found


def _structure(name: str, place: int, thing: Any) -> Structure:
    try:
        return adopted(thing)
    except Unrepresentable:
        raise InputError(f"{name}: number {place} is no crystal structure but {type(thing).__name__}") from None


def _generation(
    samples: Samples, reference: Sequence[Structure], training: Sequence[Structure], settings: Settings
) -> list[Metric]:
    def figures(structures: Samples) -> list[Metric]:
        found = evaluate_generation(structures, reference, training, settings)
        return found + _relaxation(structures, [*reference, *training], settings)

    found = figures(samples)
    if not training or not settings.controls:
        return found
    rng, n = np.random.default_rng(settings.seed), len(samples)
    enough = n <= len(training)
    real = [training[i] for i in rng.choice(len(training), n, replace=not enough)]
    floor = {m.name: m.value for m in figures(real) if enough or m.name in _WHATEVER_N}
    found = [replace(m, floor=floor.get(m.name)) for m in found]
    controls = Controls.fit(training)
    compositions = [[element.symbol for element in structure.species] for structure in real]
    names = [name for name in controls.predictors if name != "training structure"]  # that is the floor
    with stage("controls", len(names)) as done:
        for name in names:
            control = [group[0] for group in controls.predict(name, compositions, 1, settings.seed)]
            found = _beside(found, name, figures(control))
            done(1)
    return found


def _prediction(
    samples: Samples, reference: Sequence[Structure], training: Sequence[Structure], settings: Settings
) -> list[Metric]:
    pairs = paired(samples, reference)
    k = min(pairs.most, settings.k or pairs.most)

    def figures(groups: Groups, real: Sequence[Structure]) -> list[Metric]:
        found = evaluate_prediction(groups, real, settings, pairs.how)
        return found + _relaxation([sample for group in groups for sample in group], real, settings)

    found = figures(pairs.first(k), reference)
    if not training or not settings.controls:
        return found
    order = np.random.default_rng(settings.seed).permutation(len(reference))
    chosen = [reference[i] for i in sorted(order[: max(1, _CONTROLLED // k)])]
    controls = Controls.fit(training)
    compositions = [[element.symbol for element in structure.species] for structure in chosen]
    with stage("controls", len(controls.predictors)) as done:
        for name in controls.predictors:
            control: Groups = controls.predict(name, compositions, k, settings.seed)
            found = _beside(found, name, figures(control, chosen))
            done(1)
    return found


def _relaxation(samples: Samples, reference: Sequence[Structure], settings: Settings) -> list[Metric]:
    sound = [sample for sample in samples if sample is not None and structurally_valid(sample)]
    return evaluate_relaxation(sound, reference, settings) if settings.relax else []


def _beside(figures: Sequence[Metric], name: str, control: Sequence[Metric]) -> list[Metric]:
    """The figures with those of a control, by name, beside them."""
    values = {m.name: m.value for m in control}
    return [replace(m, controls={**m.controls, name: values[m.name]}) if m.name in values else m for m in figures]
