r"""Weights and everything needed to use them, as a folder.

A checkpoint is written under a temporary name, synchronised to the disk and renamed, so that a folder with a manifest
is whole. `manifest.json` holds the format, versions, the resolved config, the codec, the step, metrics and the SHA-256
of every other file; tensors are safetensors. Nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json
from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from safetensors.torch import save as dump_tensors
from torch import Tensor

from geodrift.errors import InputError, short

FORMAT = 1
Tensors = Mapping[str, Tensor]


class Manifest(BaseModel):
    """What a checkpoint says about itself.

    Arguments:
        format: Of the folder; a newer one is refused.
        geodrift, domain, domain_version: What wrote it.
        config: The resolved config.
        codec: What the model knows of its training data.
        step: Optimiser steps done.
        seed: Of the training.
        data: SHA-256 of the encoded training data, empty where it is not known.
        start: SHA-256 of the weights that the training began with, empty where it began with none.
        metrics: The last numbers of the log.
        files: SHA-256 of every other file.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = FORMAT
    geodrift: str
    domain: str
    domain_version: str
    config: dict[str, Any]
    codec: dict[str, Any]
    step: int = 0
    seed: int = 0
    data: str = ""
    start: str = ""
    metrics: dict[str, float] = {}
    files: dict[str, str] = {}

    @property
    def averaged(self) -> str:
        """The file of weights to sample with: the moving average where there is one."""
        return "ema" if "ema.safetensors" in self.files else "model"


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on the disk, its files checked when they are read."""

    folder: Path
    manifest: Manifest

    @classmethod
    def open(cls, folder: Path) -> Checkpoint:
        """The checkpoint in this folder.

        Raises:
            InputError: When there is none, or when it is of a newer format or damaged.
        """
        path = folder / "manifest.json"
        try:
            values = from_json(path.read_bytes())
        except OSError:
            raise InputError(f"{folder}: no checkpoint here (no manifest.json)") from None
        except ValueError:
            raise InputError(f"{path}: not a JSON file; the checkpoint is damaged") from None
        return cls(folder, _manifest(values, path))

    def tensors(self, name: str) -> dict[str, Tensor]:
        """The tensors of one file, after comparing its SHA-256 with the manifest."""
        path = self.folder / f"{name}.safetensors"
        expected = self.manifest.files.get(path.name)
        if expected is None:
            raise InputError(f"{self.folder}: no {path.name} in this checkpoint; it can sample but not resume")
        try:
            content = path.read_bytes()
        except OSError:
            raise InputError(f"{path}: cannot be read; the checkpoint is damaged") from None
        if hashlib.sha256(content).hexdigest() != expected:
            raise InputError(f"{path}: does not match its SHA-256 in manifest.json; the file is damaged or was changed")
        try:
            return parse_tensors(content)
        except SafetensorError as error:
            raise InputError(f"{path}: not a safetensors file: {error}") from None


def _manifest(values: Any, path: Path) -> Manifest:
    if isinstance(values, dict) and values.get("kind") == "samples":
        raise InputError(f"{path}: generated samples, not a checkpoint")
    if not isinstance(values, dict) or not isinstance(values.get("format"), int) or values["format"] < 1:
        raise InputError(f"{path}: not a geodrift checkpoint")
    if values["format"] > FORMAT:
        raise InputError(
            f"{path}: format {values['format']} is newer than this geodrift reads ({FORMAT}); upgrade geodrift"
        )
    try:
        return Manifest.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{path}: {short('.'.join(map(str, first['loc'])))}: {first['msg'].lower()}") from None


def digest(tensors: Tensors) -> str:
    """The SHA-256 of named tensors, whatever their order."""
    return hashlib.sha256(dump_tensors(_contiguous(dict(sorted(tensors.items()))))).hexdigest()


def write(folder: Path, manifest: Manifest, files: Mapping[str, Tensors]) -> Checkpoint:
    """Write a checkpoint; either the whole folder appears or nothing does.

    Raises:
        InputError: When the disk is full or the folder cannot be written; what was there before stays.
    """
    contents = {f"{name}.safetensors": dump_tensors(_contiguous(tensors)) for name, tensors in files.items()}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    manifest = manifest.model_copy(update={"files": digests})
    contents["manifest.json"] = manifest.model_dump_json(indent=1).encode()
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        _publish(contents, temporary, folder)
    except OSError as error:
        raise InputError(f"{folder}: the checkpoint cannot be written: {error.strerror}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return Checkpoint(folder, manifest)


def _contiguous(tensors: Tensors) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}


def _publish(contents: Mapping[str, bytes], temporary: Path, folder: Path) -> None:
    temporary.mkdir(parents=True)
    for name, content in contents.items():
        with (temporary / name).open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    _synchronise(temporary)
    _exchange(temporary, folder)
    _synchronise(folder.parent)


def _synchronise(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _exchange(new: Path, folder: Path) -> None:
    """Give `new` the name of the folder; one that had the name goes, but not before."""
    old = new.with_name(f"{new.name}.old")
    if folder.exists():
        folder.rename(old)
    try:
        new.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def latest(folder: Path) -> Path | None:
    """The newest whole checkpoint of a training in this folder."""
    found = [path for path in folder.glob("step-*") if (path / "manifest.json").is_file()]
    return max(found, key=lambda path: path.name, default=None)
