"""`geodrift likelihood`: how likely objects are under a model."""

from __future__ import annotations

import csv
import io
import json as text
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geodrift.cli.console import emit, finite, note, table
from geodrift.cli.options import device as find_device
from geodrift.cli.options import source
from geodrift.cli.session import Quiet
from geodrift.errors import InputError

if TYPE_CHECKING:
    from geodrift.likelihood import Likelihood, Scores
    from geodrift.model import Model
    from geodrift.processes import Process

_SHOWN = 20  # objects in the table
COLUMNS = ("index", "name", "nats", "error", "bits_per_dim", "bits_per_entity", "dims", "entities")


def likelihood(
    domain: Annotated[str, typer.Argument(help="What kind of data: see `geodrift domains`.")],
    input: Annotated[Path, typer.Argument(help="A file or folder of objects.")],
    preset: Annotated[str | None, typer.Option(help="A preset with weights; by default the first.")] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="A checkpoint, or the --out of `geodrift train`.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of the flow, or predictions of the bound.")] = None,
    probes: Annotated[str | None, typer.Option(help="Random directions of the divergence, or exact.")] = None,
    seed: Annotated[int, typer.Option(help="Of random directions and times.")] = 0,
    batch_size: Annotated[int, typer.Option(min=1, help="Objects at once; does not change the figures.")] = 64,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda.")] = "auto",
    out: Annotated[Path | None, typer.Option(help="A .csv or .json file; by default a .csv beside the input.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Log-likelihood of each object: exact where the model is a flow of real fields, else a bound from below."""
    from geodrift.plugins import domain as find
    from geodrift.presets import opened

    path = _place(input, out)
    name, weights = source(domain, preset, checkpoint)
    model = opened(weights, domain).to(find_device(device))
    way = _way(model.denoiser.process, steps, probes)
    reading = find(domain).read(input, {})
    if reading.refused:
        note(f"{input}: {len(reading.objects)} objects, {len(reading.refused)} records cannot be read")
    if not reading.objects:
        raise InputError(f"{input}: holds no objects to measure")
    scores = _score(model, name, reading.objects, way, seed, batch_size)
    document = {"domain": domain, "model": name, "input": str(input), "seed": seed, "unreadable": len(reading.refused)}
    document |= described(scores, [_called(model, reading.objects[index]) for index in scores.kept])
    _write(path, document)
    emit(document) if json else show(document)
    note(f"written to {path}")


def _place(input: Path, out: Path | None) -> Path:
    if out is None:
        return input / "likelihood.csv" if input.is_dir() else input.with_name(f"{input.name}.likelihood.csv")
    if out.suffix not in (".csv", ".json"):
        raise InputError(f"--out {out}: write a .csv or a .json file")
    return out


def _way(process: Process, steps: int | None, probes: str | None) -> Likelihood:
    """The likelihood that suits the process, with what the user asked for."""
    from dataclasses import replace

    from geodrift.likelihood import Bound, ExactTrace, FlowLikelihood, Hutchinson, suited

    way = suited(process)
    if isinstance(way, Bound) and probes is not None:
        raise InputError(f"--probes {probes}: directions are those of a flow, and this model has a bound; leave it out")
    if isinstance(way, Bound) and steps is not None:
        way = replace(way, strata=max(1, steps // 2))
    if isinstance(way, FlowLikelihood):
        way = way if steps is None else replace(way, steps=steps)
        if probes is not None:
            way = replace(way, divergence=ExactTrace() if probes == "exact" else Hutchinson(_count(probes)))
    return way


def _count(probes: str) -> int:
    if not probes.isdecimal() or int(probes) < 1:
        raise InputError(f"--probes {probes}: a number of directions, one or more, or exact")
    return int(probes)


def _score(model: Model, name: str, objects: list[Any], way: Likelihood, seed: int, batch_size: int) -> Scores:
    from geodrift.cli.progress import bar
    from geodrift.likelihood import score

    with bar(len(objects), name=name) as tick:
        scores = score(model, objects, way, seed, batch_size, tick)
    if scores.refused:
        first = scores.refused[0]
        note(f"{len(scores.refused)} objects cannot be represented by {name}; the first: {first.name}: {first.reason}")
    return scores


def _called(model: Model, thing: Any) -> str:
    """What the domain calls an object, if it has names."""
    name = getattr(model.codec, "name", None)
    return str(name(thing)) if callable(name) else ""


def described(scores: Scores, names: list[str]) -> dict[str, Any]:
    """The figures as JSON values."""
    found = scores.found
    columns: dict[str, list[Any]] = {
        "index": scores.kept,
        "name": names,
        "nats": found.nats.tolist(),
        "error": found.error.tolist(),
        "bits_per_dim": found.bits_per_dim.tolist(),
        "bits_per_entity": found.bits_per_entity.tolist(),
        "dims": [int(count) for count in found.dims],
        "entities": [None] * len(names) if found.entities is None else [int(count) for count in found.entities],
    }
    count = len(names)
    return {
        "kind": "exact" if found.exact else "bound",
        "meaning": scores.meaning,
        "entity": found.kind,
        "count": count,
        "refused": [{"index": left.index, "name": left.name, "reason": left.reason} for left in scores.refused],
        "mean": {key: float(sum(columns[key]) / count) for key in ("nats", "bits_per_dim", "bits_per_entity")}
        | {"error": float(sum(error**2 for error in columns["error"])) ** 0.5 / count},
        "objects": [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)],
    }


def _write(path: Path, document: dict[str, Any]) -> None:
    """The figures of all objects, whole or not at all."""
    from geodrift.samples import staged

    with staged(path.parent) as temporary:
        (temporary / path.name).write_text(_written(path.suffix, document), encoding="utf-8")


def _written(suffix: str, document: dict[str, Any]) -> str:
    if suffix == ".json":
        return text.dumps(finite(document), indent=1, ensure_ascii=False)
    lines = io.StringIO()
    writer = csv.DictWriter(lines, (*COLUMNS, "kind"))
    writer.writeheader()
    writer.writerows({**row, "kind": document["kind"]} for row in document["objects"])
    return lines.getvalue()


def show(document: dict[str, Any]) -> None:
    """The table of figures, of the first objects and in the mean."""
    objects, mean = document["objects"], document["mean"]
    rows = [_row(str(row["index"]), row["name"], row) for row in objects[:_SHOWN]]
    if len(objects) > _SHOWN:
        rows.append(("…", f"{len(objects) - _SHOWN} more", "", "", "", ""))
    rows.append(_row("mean", f"of {document['count']}", mean))
    entity = f"bits/{document['entity'] or 'entity'}"
    table(("object", "name", "nats", "± error", "bits/dim", entity), rows, numbers=(2, 3, 4, 5))
    print(f"{document['kind']}: {document['meaning']}")


def _row(first: str, name: str, row: dict[str, Any]) -> tuple[str, ...]:
    return (first, name, *(_number(row[key]) for key in ("nats", "error", "bits_per_dim", "bits_per_entity")))


def _number(value: float) -> str:
    return "" if value != value else f"{value:.4g}"
