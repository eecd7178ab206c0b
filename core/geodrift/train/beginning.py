r"""Where a training begins: with no knowledge, with a trained model, or where it was stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from geodrift.checkpoint import Checkpoint
from geodrift.config import Config, Table
from geodrift.domain import Codec
from geodrift.errors import InputError
from geodrift.model import Model
from geodrift.presets import opened, restore
from geodrift.train.ema import MovingAverage
from geodrift.train.loop import Progress, optimizer

REPORTING = {"steps", "log_every", "save_every", "sample_every", "samples", "keep", "tensorboard"}


class Begun(NamedTuple):
    """A model with its optimiser, and the SHA-256 of the trained weights that it began with, if it did."""

    model: Model
    progress: Progress
    start: str = ""


@dataclass(frozen=True)
class Beginning:
    """The beginning of a training.

    Arguments:
        config: Of the model and the training.
        device: Where the model is.
    """

    config: Config
    device: torch.device | str

    def untrained(self, codec: Codec) -> Begun:
        """A new model."""
        return self._fresh(Model.build(self.config, codec))

    def started(self, source: Checkpoint) -> Begun:
        """The model of a checkpoint, its codec and averaged weights, to be trained further.

        Raises:
            InputError: When it is not a model of this config, whatever rows of data it was trained on.
        """
        stored, asked = source.manifest.config, self.config.model_dump()
        for section in ("process", "network", "data"):
            if _unselected(stored.get(section, {})) != _unselected(asked[section]):
                raise InputError(f"--start {source.folder}: was trained with another [{section}]; start with the same")
        weights = source.manifest.files[f"{source.manifest.averaged}.safetensors"]
        return self._fresh(opened(source, self.config.domain), weights)

    def resumed(self, last: Checkpoint) -> Begun:
        """The model of the last checkpoint; only the length and the reporting of a training may change.

        Raises:
            InputError: When anything else has.
        """
        _refuse_another(last, self.config)
        begun = self._fresh(restore(last, "model"), last.manifest.start)
        begun.progress.average.load(last.tensors("ema"))
        _load_optimizer(begun.progress.optimizer, last.tensors("optimizer"))
        begun.progress.step = last.manifest.step
        return begun

    def _fresh(self, found: Model, start: str = "") -> Begun:
        model = Model(found.domain, found.codec, found.denoiser, self.config, found.manifest).to(self.device)
        average = MovingAverage(model.denoiser, self.config.train.ema)
        return Begun(model, Progress(model.denoiser, average, optimizer(model.denoiser, self.config.train)), start)


def _unselected(section: Table) -> Table:
    """A section without the rows of the data that it selects."""
    return {key: value for key, value in section.items() if key != "where"}


def _refuse_another(last: Checkpoint, config: Config) -> None:
    stored, asked = last.manifest.config, config.model_dump()
    for section in ("process", "network", "data", "objective"):
        if stored.get(section) != asked[section]:
            raise InputError(f"{last.folder}: was trained with another [{section}]; resume with the same config")
    for key, value in asked["train"].items():
        was = stored["train"].get(key)
        if key not in REPORTING and was != value:
            raise InputError(f"{last.folder}: was trained with train.{key} = {was}, not {value}; resume with the same")


def _load_optimizer(tuner: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    tuner.load_state_dict({"state": state, "param_groups": tuner.state_dict()["param_groups"]})
