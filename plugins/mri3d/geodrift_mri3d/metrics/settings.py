"""How volumes are measured: what a user may choose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from geodrift.errors import InputError, unknown

SEGMENTER, WEIGHTS = "segmenter", ".safetensors"
FEATURES = (SEGMENTER, "random", "uncnn", f"FILE{WEIGHTS}")


@dataclass(frozen=True)
class Settings:
    """The options of an evaluation.

    Arguments:
        features: The network whose features KID and FID compare; see `geodrift_mri3d.metrics.features`.
        permutations: Of each test of tissue volumes.
        pairs: Pairs of volumes whose similarity is measured.
        draws: Sets of training subjects that floors are averaged over.
        seed: Of draws, bootstraps and permutations.
        jobs: Processes; volumes are measured in one, whose library has threads of its own.
    """

    features: str = SEGMENTER
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
        if settings.features not in FEATURES and not str(settings.features).endswith(WEIGHTS):
            raise unknown("features", settings.features, FEATURES)
        for name in names[1:]:
            value, least = getattr(settings, name), {"seed": 0, "jobs": -1}.get(name, 1)
            if type(value) is not int or value < least:
                raise InputError(f"{name}: a whole number from {least}, not {value!r}")
        return settings
