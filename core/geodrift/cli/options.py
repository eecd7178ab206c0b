"""Values of options that the command line cannot check by their type alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from geodrift.errors import InputError, unknown

if TYPE_CHECKING:
    from geodrift.checkpoint import Checkpoint

DEVICES = ("auto", "cpu", "cuda")


def pairs(option: str, settings: Sequence[str] | None) -> dict[str, str]:
    """`key=value` settings by key."""
    found: dict[str, str] = {}
    for setting in settings or ():
        key, separator, value = setting.partition("=")
        if not separator or not key.strip() or not value.strip():
            raise InputError(f"{option} {setting}: write key=value")
        if key.strip() in found:
            raise InputError(f"{option} {setting}: {key.strip()} is given twice")
        found[key.strip()] = value.strip()
    return found


def values(option: str, settings: Sequence[str] | None) -> dict[str, float | str]:
    """`key=value` settings by key: numbers where they are finite ones, and texts, such as the formula NaN."""
    return {key: _value(text) for key, text in pairs(option, settings).items()}


def _value(text: str) -> float | str:
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def device(name: str) -> str:
    """The device of this name.

    `auto` is a CUDA card or the processor. Metal is not among them: random numbers need float64, which it lacks.
    """
    import torch

    if name.partition(":")[0] not in DEVICES or name.startswith("cpu:"):
        raise unknown("device", name, DEVICES)
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(f"--device {name}: no CUDA card is available here; use --device cpu")
    return name


def source(domain: str, preset: str | None, checkpoint: Path | None) -> tuple[str, Checkpoint]:
    """What the model is called, and its checkpoint."""
    from geodrift.plugins import domain as find
    from geodrift.presets import has_weights, located, shipped

    presets = find(domain).presets()
    if preset is not None and checkpoint is not None:
        raise InputError("--preset and --checkpoint: give one of them")
    if checkpoint is not None:
        return str(checkpoint), located(checkpoint)
    name = preset or next((name for name, folder in presets.items() if has_weights(folder)), None)
    if name is None:
        raise InputError(f"{domain}: no preset has weights; train one and give it with --checkpoint")
    return name if "/" in name else f"{domain}/{name}", shipped(name, domain)
