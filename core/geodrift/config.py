r"""What a run is made of, as one TOML file.

A config has sections; a part of the mathematics is a table with a `kind`, which its registry checks. Every key is
checked, and an unknown one is answered with the nearest that exists. `extends` takes another preset as the start, once,
and `--set a.b=value` changes one key. The resolved config is what a checkpoint stores.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from geodrift.errors import InputError, short, unknown

Table = dict[str, Any]
Precision = Annotated[Literal["32", "bf16"], BeforeValidator(lambda value: "32" if value == 32 else value)]


class Section(BaseModel):
    """A table of a config: every key is known and no value is changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Train(Section):
    """How a network is trained.

    Arguments:
        steps: Optimiser steps.
        batch_size: Samples a step, over all processes.
        lr: Highest learning rate; it warms up linearly and then follows a cosine to zero.
        warmup: Steps of the warm-up.
        weight_decay: Of AdamW.
        clip: Largest norm of the gradient.
        ema: Decay of the moving average of the weights, which sampling uses.
        precision: `32` or `bf16` (mixed).
        log_every, save_every, sample_every: Steps between lines of the log, checkpoints and test samples (0: never).
        samples: Objects generated for a glance at the metrics.
        keep: Checkpoints kept.
        tensorboard: Also write TensorBoard events.
        seed: Decides initial weights, data order and noise.
    """

    steps: int = Field(10_000, gt=0)
    batch_size: int = Field(256, gt=0)
    lr: float = Field(1e-3, gt=0)
    warmup: int = Field(200, ge=0)
    weight_decay: float = Field(1e-2, ge=0)
    clip: float = Field(1.0, gt=0)
    ema: float = Field(0.999, ge=0, lt=1)
    precision: Precision = "32"
    log_every: int = Field(50, gt=0)
    save_every: int = Field(1000, gt=0)
    sample_every: int = Field(0, ge=0)
    samples: int = Field(128, gt=0)
    keep: int = Field(2, gt=0)
    tensorboard: bool = False
    seed: int = 0


class Sample(Section):
    """How samples are generated unless the command says otherwise.

    Arguments:
        solver: Kind of solver, with its options.
        grid: Kind of time grid.
        steps: Steps of the solver.
        guidance: Scale of classifier-free guidance; one is plain conditioning.
        temperature: Of the beliefs about classes; below one trades diversity for fidelity.
        annealing: For each field whose velocity grows towards the data, its `slope`, and the share of the time `after`
            which it does; see `geodrift.guidance.annealing`.
        batch_size: Samples at once.
        precision: Of the network, `32` or `bf16`.
        compile: Compile the network before the first batch; see `geodrift.compilation`.
    """

    solver: str | Table = "ancestral"
    grid: str | Table = "uniform"
    steps: int = Field(50, gt=0)
    guidance: float = Field(1.0, ge=0)
    temperature: float = Field(1.0, gt=0)
    annealing: dict[str, Table] = Field(default_factory=dict)
    batch_size: int = Field(256, gt=0)
    precision: Precision = "32"
    compile: bool = False


class Config(Section):
    """A whole run; `data`, `process` and `network` are checked by the domain."""

    domain: str
    data: Table = Field(default_factory=dict)
    process: Table = Field(default_factory=dict)
    network: Table = Field(default_factory=dict)
    objective: Table = Field(default_factory=dict)
    train: Train = Train()
    sample: Sample = Sample()


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> Table:
    """One table over another; an empty table, and a part of another `kind`, replace what is below as a whole."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        part = {"kind": old} if isinstance(old, str) else old
        if isinstance(part, Mapping) and isinstance(value, Mapping) and value and _alike(part, value):
            merged[key] = merge(part, value)
        else:
            merged[key] = value
    return merged


def _alike(below: Mapping[str, Any], above: Mapping[str, Any]) -> bool:
    return bool(above.get("kind", below.get("kind")) == below.get("kind"))


def override(table: Mapping[str, Any], settings: Sequence[str]) -> Table:
    """Apply `key.subkey=value` settings; a value is TOML, or else a plain string."""
    for setting in settings:
        path, separator, text = setting.partition("=")
        if not separator or not path:
            raise InputError(f'--set {setting}: write key=value, for example "train.lr=1e-4"')
        change: Any = literal(text)
        for key in reversed(path.strip().split(".")):
            change = {key: change}
        table = merge(table, change)
    return dict(table)


def literal(text: str) -> Any:
    """What was written on the command line, as TOML, or else as a plain string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text.strip()


def parse(path: Path) -> Table:
    """The table of a TOML file."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a TOML file: {short(error)}") from None
    except RecursionError:
        raise InputError(f"{path}: not a config: its lists are too deep") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def resolve(table: Mapping[str, Any], source: str) -> Config:
    """The config of a table.

    Raises:
        InputError: For an unknown key, with the nearest one, or a value that is out of range.
    """
    try:
        return Config.model_validate(dict(table))
    except ValidationError as error:
        raise _explain(error, source) from None


def changed(config: Config, settings: Sequence[str]) -> Config:
    """The config with `key=value` settings of the command line."""
    return resolve(override(config.model_dump(), settings), "--set") if settings else config


def _explain(error: ValidationError, source: str) -> InputError:
    first = error.errors()[0]
    *sections, key = map(str, first["loc"])
    if first["type"] != "extra_forbidden":
        return InputError(
            f"{source}: {short('.'.join([*sections, key]))}: {first['msg'].lower()}, not {short(repr(first['input']))}"
        )
    model: Any = {"train": Train, "sample": Sample}[sections[0]] if sections else Config
    place = f"key in [{sections[0]}]" if sections else "key"
    return InputError(f"{source}: {unknown(place, key, model.model_fields)}")
