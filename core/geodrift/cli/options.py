"""Values of options that the command line cannot check by their type alone."""

from __future__ import annotations

from collections.abc import Sequence

from geodrift.errors import InputError, unknown

DEVICES = ("auto", "cpu", "cuda", "mps")


def pairs(option: str, settings: Sequence[str] | None) -> dict[str, str]:
    """`key=value` settings by key."""
    found: dict[str, str] = {}
    for setting in settings or ():
        key, separator, value = setting.partition("=")
        if not separator or not key.strip() or not value.strip():
            raise InputError(f"{option} {setting}: write key=value")
        found[key.strip()] = value.strip()
    return found


def numbers(option: str, settings: Sequence[str] | None) -> dict[str, float]:
    """`key=number` settings by key."""
    found = pairs(option, settings)
    try:
        return {key: float(value) for key, value in found.items()}
    except ValueError as error:
        raise InputError(f"{option}: {error}; write key=number") from None


def device(name: str) -> str:
    """The device of this name.

    `auto` is a CUDA card or the processor; random numbers need float64, which Metal (`mps`) lacks.
    """
    import torch

    if name.partition(":")[0] not in DEVICES:
        raise unknown("device", name, DEVICES)
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(f"--device {name}: no CUDA card is available here; use --device cpu")
    if name == "mps" and not torch.backends.mps.is_available():
        raise InputError("--device mps: Metal is not available here; use --device cpu")
    return name
