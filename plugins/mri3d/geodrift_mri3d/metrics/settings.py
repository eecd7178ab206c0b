"""How volumes are measured: what a user may choose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from geodrift.errors import InputError, unknown

FEATURES = ("segmenter", "random")


@dataclass(frozen=True)
class Settings:
    """The options of an evaluation.

    Arguments:
        features: Whose features KID and FID compare: the trained segmenter's, or those of the same network untrained.
        permutations: Of each test of tissue volumes.
        pairs: Pairs of volumes whose similarity is measured.
        draws: Sets of training subjects that floors are averaged over.
        seed: Of draws, bootstraps and permutations.
        jobs: Processes; volumes are measured in one, whose library has threads of its own.
    """

    features: str = "segmenter"
    permutations: int = 10_000
    pairs: int = 200
    draws: int = 20
    seed: int = 0
    jobs: int = 1

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """The settings that a user asks for.

        Raises:
            InputError: For a name or value that does not exist, with what does.
        """
        names = [field.name for field in fields(cls)]
        for key in options:
            if key not in names:
                raise unknown("option of evaluate", key, names)
        settings = cls(**options)
        if settings.features not in FEATURES:
            raise unknown("features", settings.features, FEATURES)
        for name in names[1:]:
            value, least = getattr(settings, name), {"seed": 0, "jobs": -1}.get(name, 1)
            if type(value) is not int or value < least:
                raise InputError(f"{name}: a whole number from {least}, not {value!r}")
        return settings
