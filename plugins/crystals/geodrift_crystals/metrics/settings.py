"""How crystals are measured: what a user may choose."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from geodrift.errors import InputError, unknown
from geodrift_crystals.metrics.charges import TABLES
from geodrift_crystals.metrics.coverage import CUTOFFS, Cutoffs

TASKS = ("generation", "csp")


@dataclass(frozen=True)
class Settings:
    """The options of an evaluation.

    Arguments:
        task: "generation", or "csp": each sample predicts the structure of one reference; by default the latter
            where samples name the reference that they were asked to be like.
        k: Samples of each reference that are looked at in "csp", by default all.
        jobs: Number of processes, −1 for all cores.
        seed: Fixes bootstraps, draws and controls.
        controls: Whether to measure what learns nothing as well; it costs as much again for each control.
        data: Data set whose cut-offs of coverage are used.
        delta_s: Another cut-off of structures, None for that of `data`.
        delta_c: Another cut-off of compositions.
        smact: Table of oxidation states.
        symprec: Tolerance of space groups, Å.
        energy: Whether to compare CHGNet energies of unrelaxed crystals.
        relax: Number of samples to relax with CHGNet.
    """

    task: str | None = None
    k: int | None = None
    jobs: int = 1
    seed: int = 0
    controls: bool = True
    data: str = "mp-20"
    delta_s: float | None = None
    delta_c: float | None = None
    smact: str = "smact14"
    symprec: float = 0.1
    energy: bool = False
    relax: int = 0

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Settings:
        """The settings that a user asks for.

        Raises:
            InputError: For a name or value that does not exist, with what does.
        """
        names = [field.name for field in fields(cls)]
        for key in options:
            if key not in names:
                raise unknown("option of evaluate", key, names)
        settings = cls(**options)
        for name, known in (("task", TASKS), ("data", CUTOFFS), ("smact", TABLES)):
            if getattr(settings, name) not in (*known, getattr(cls, name)):
                raise unknown(name, getattr(settings, name), known)
        settings._check_numbers()
        return settings

    def _check_numbers(self) -> None:
        for name, least in (("k", 1), ("jobs", -1), ("seed", 0), ("relax", 0)):
            value = getattr(self, name)
            if value is None:
                continue
            if type(value) is not int or value < least or (name == "jobs" and value == 0):
                what = "number of processes, or -1 for all cores" if name == "jobs" else f"whole number from {least}"
                raise InputError(f"{name}: a {what}, not {value!r}")
        for name in ("controls", "energy"):
            if type(getattr(self, name)) is not bool:
                raise InputError(f"{name}: true or false, not {getattr(self, name)!r}")
        for name in ("delta_s", "delta_c", "symprec"):
            value = getattr(self, name)
            if value is not None and not (type(value) in (int, float) and math.isfinite(value) and value > 0):
                raise InputError(f"{name}: a number above 0, not {value!r}")

    @property
    def cutoffs(self) -> Cutoffs:
        """The cut-offs of coverage."""
        usual = CUTOFFS[self.data]
        return Cutoffs(self.delta_s or usual.structure, self.delta_c or usual.composition)
