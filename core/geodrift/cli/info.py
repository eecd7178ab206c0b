"""`geodrift info`: what a checkpoint or a preset is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geodrift.cli.console import emit, table
from geodrift.errors import InputError

if TYPE_CHECKING:
    from geodrift.checkpoint import Checkpoint

_SHOWN = 76  # characters of a value in the table


def info(
    name: Annotated[
        str, typer.Argument(help="A checkpoint, the folder of a training, DOMAIN/PRESET, or with --size a DOMAIN.")
    ],
    size: Annotated[
        tuple[int, int, int] | None, typer.Option(help="What a model costs for objects of this size.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Parameters, config, training step, metrics, data statistics and files; with --size, times and memory."""
    from geodrift.presets import has_weights, located, preset, settings

    if size is not None:
        document: dict[str, Any] = {"name": name, **_cost(name, size)}
    elif not Path(name).is_dir() and not has_weights(preset(name)[1]):
        document = {"name": name, "weights": False, "config": settings(name).model_dump()}
    else:
        document = {"name": name, "weights": True, **_described(located(name))}
    if json:
        return emit(document)
    table(("", name), [(key, _short(value)) for key, value in _flat(document) if key != "name"])


def _cost(name: str, size: tuple[int, int, int]) -> dict[str, Any]:
    """What a preset, or a domain's first one, costs for objects of this size."""
    from geodrift.plugins import domain as find
    from geodrift.plugins import entries
    from geodrift.presets import settings

    whole = f"{name}/{next(iter(find(name).presets()))}" if name in entries() else name
    config = settings(whole)
    measure = getattr(find(config.domain), "cost", None)
    if measure is None:
        raise InputError(f"--size: objects of {config.domain} have no size to choose")
    found: dict[str, Any] = measure(config, size)
    return {"preset": whole, **found}


def _described(checkpoint: Checkpoint) -> dict[str, Any]:
    from geodrift.presets import restore

    manifest = checkpoint.manifest
    for file in manifest.files:
        checkpoint.tensors(file.removesuffix(".safetensors"))  # says so if one is damaged
    model = restore(checkpoint, manifest.averaged)
    return {
        "folder": str(checkpoint.folder),
        "parameters": sum(weights.numel() for weights in model.denoiser.parameters()),
        "step": manifest.step,
        "seed": manifest.seed,
        "geodrift": manifest.geodrift,
        "domain": manifest.domain,
        "domain_version": manifest.domain_version,
        "metrics": manifest.metrics,
        "config": model.config.model_dump(),
        "data": manifest.codec,
        "files": {file: _size(checkpoint.folder / file) for file in manifest.files},
    }


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """The values of nested tables, with dotted keys."""
    rows: list[tuple[str, Any]] = []
    for key, value in values.items():
        rows += _flat(value, f"{prefix}{key}.") if isinstance(value, dict) and value else [(f"{prefix}{key}", value)]
    return rows


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        value = "  ".join(map(_short, value))
    text = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
