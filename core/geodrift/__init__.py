"""geodrift: flows, diffusions, stochastic interpolants and Bayesian flows for domain-structured data."""

from __future__ import annotations

from typing import Any

__all__ = ["InputError", "Model", "State", "Streams", "__version__", "load"]

_HOMES = {
    "InputError": "geodrift.errors",
    "Model": "geodrift.model",
    "State": "geodrift.state",
    "Streams": "geodrift.rng",
    "load": "geodrift.presets",
}


def __getattr__(name: str) -> Any:
    """Import the public names when first used, so that the command line starts without torch."""
    if name == "__version__":
        from importlib.metadata import version

        return version("geodrift")
    if name not in _HOMES:
        raise AttributeError(f"module 'geodrift' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
