r"""A folder of generated samples: native files, a report, and a manifest that says how to make them again.

Files are written under a temporary name inside the folder and renamed when all of them are whole, the manifest last: a
folder with a manifest is whole, also when the disk filled up or somebody pressed Ctrl-C meanwhile.
"""

from __future__ import annotations

import csv
import json
import os
import platform
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic_core import from_json

from geodrift import drawn
from geodrift.claim import LOCK
from geodrift.drawn import Drawn
from geodrift.errors import InputError, short
from geodrift.metric import Metric

FORMAT = 1
MANIFEST = "manifest.json"
METRICS = "metrics.json"
REPORT = "report.html"
_WRITING = ".writing-"  # what a killed process may leave


class Manifest(BaseModel):
    """How samples were generated.

    Arguments:
        status: `partial` when the run was stopped before it finished.
        versions: Of everything that decides what is generated.
        model: The preset or checkpoint.
        weights: SHA-256 of the weights.
        step: Training steps of the weights.
        config: The resolved config; `sample` is what was used.
        conditions: What was asked for: numbers in each condition's unit, or texts.
        condition_values: SHA-256 of what they ask for, with what files hold that they name.
        like: The objects that samples are to be like, one after another, if any.
        requested: Samples asked for.
        count: Samples there are.
        batches: Batches generated.
        network_calls: Calls of the network, each on a whole batch.
        command: How `geodrift` was called, empty when it was from Python.
        seconds: Of generation, without loading and writing.
        cpu_seconds: The same, of all cores together.
        glance: Cheap metrics of the samples.
        files: What was written, beside this manifest.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["samples"] = "samples"
    format: int = FORMAT
    status: Literal["complete", "partial"]
    versions: dict[str, str]
    domain: str
    model: str
    weights: str
    step: int
    config: dict[str, Any]
    conditions: dict[str, float | str]
    condition_values: str = ""
    like: dict[str, Any] | None = None
    choice: dict[str, Any] | None = None
    seed: int
    device: str
    requested: int
    count: int
    batches: int
    network_calls: int
    command: str = ""
    seconds: float
    cpu_seconds: float
    glance: dict[str, float] = {}
    files: list[str] = []


def versions(domain: str, version: str) -> dict[str, str]:
    """The versions that decide what a seed gives."""
    found = {name: metadata.version(name) for name in ("geodrift", "torch", "numpy")}
    return {**found, domain: version, "python": platform.python_version()}


def opened(folder: Path) -> Manifest:
    """The manifest of a folder of samples.

    Raises:
        InputError: When it holds no samples, or those of a newer geodrift.
    """
    path = folder / MANIFEST
    try:
        values = from_json(path.read_bytes())
    except OSError:
        raise InputError(f"{folder}: no generated samples here (no {MANIFEST})") from None
    except ValueError:
        raise InputError(f"{path}: not a JSON file; the manifest is damaged") from None
    if not isinstance(values, dict) or values.get("kind") != "samples":
        raise InputError(f"{path}: not the manifest of generated samples")
    if values.get("format") != FORMAT:
        raise InputError(f"{path}: format {values.get('format')}, this geodrift reads {FORMAT}; upgrade geodrift")
    try:
        return Manifest.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{path}: {short('.'.join(map(str, first['loc'])))}: {first['msg'].lower()}") from None


def vacate(folder: Path, overwrite: bool = False, resume: bool = False) -> None:
    """Make a claimed folder ready for samples: empty, or with the finished batches of a run that is to go on.

    Raises:
        InputError: When the folder holds files, or a run, and neither is to be replaced or to go on.
    """
    for left in folder.glob(f"{_WRITING}*"):
        shutil.rmtree(left, ignore_errors=True)
    begun = (folder / drawn.FOLDER).exists()
    if resume and begun:
        return
    if begun and not overwrite:
        raise InputError(f"{folder}: holds an unfinished run; go on with --resume, or begin again with --overwrite")
    held = any(path.name not in (LOCK, drawn.FOLDER) for path in folder.iterdir())
    if held and not overwrite:
        raise InputError(f"{folder}: holds files already; choose another --out, or --overwrite an earlier run")
    if held:
        remove(folder)
    Drawn(folder).remove()


def complete(folder: Path) -> bool:
    """Whether the folder holds all samples of a run."""
    return (folder / MANIFEST).is_file() and opened(folder).status == "complete"


def remove(folder: Path) -> None:
    """Remove the samples of an earlier run, and nothing else."""
    for name in [*opened(folder).files, METRICS, MANIFEST]:
        path = folder / Path(name).name
        if path.is_file():
            path.unlink()


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A folder to write in, whose files move to `folder` when all are whole, the manifest last.

    Raises:
        InputError: When the disk is full or the folder cannot be written; nothing is left behind.
    """
    temporary = folder / f"{_WRITING}{os.getpid()}"
    try:
        temporary.mkdir(parents=True)
        yield temporary
        for path in sorted(temporary.iterdir(), key=lambda path: path.name == MANIFEST):
            path.replace(folder / path.name)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def figures(folder: Path) -> list[Metric]:
    """The figures that were measured on the samples in this folder, none if they were not."""
    path = folder / METRICS
    if not path.is_file():
        return []
    try:
        return TypeAdapter(list[Metric]).validate_python(from_json(path.read_bytes())["metrics"])
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path}: not figures of `geodrift evaluate`; remove it or measure again") from None


def tabled(rows: Sequence[Mapping[str, Any]], path: Path) -> Path:
    """Write rows with the same columns to a .csv file; what is None is left empty."""
    with staged(path.parent) as temporary, (temporary / path.name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else [])
        writer.writeheader()
        writer.writerows(rows)
    return path


def measured(document: dict[str, Any], of: Path, out: Path | None = None) -> Path:
    """Write figures to a file, by default beside the folder's or file's samples."""
    path = out or (of / METRICS if of.is_dir() else of.with_name(f"{of.name}.{METRICS}"))
    with staged(path.parent) as temporary:
        (temporary / path.name).write_text(json.dumps(document, indent=1), encoding="utf-8")
    return path
