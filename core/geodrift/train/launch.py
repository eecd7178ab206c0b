r"""From a config and a file of data to a training that can stop and go on."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor

from geodrift import checkpoint as checkpoints
from geodrift.checkpoint import Checkpoint, Manifest
from geodrift.config import Config
from geodrift.domain import Reading
from geodrift.errors import InputError
from geodrift.model import Model
from geodrift.objectives import Objective, objectives
from geodrift.plugins import domain as find
from geodrift.presets import located
from geodrift.solvers import solvers
from geodrift.solvers.grids import grids
from geodrift.train.beginning import Beginning
from geodrift.train.data import Feed
from geodrift.train.log import Log
from geodrift.train.loop import Progress, Watchers, run

Watch = Callable[[Progress, float], None]


def objective(config: Config) -> Objective:
    """What a config asks to minimise."""
    built: Objective = objectives.build({"kind": "matching", **config.objective})
    return built


@dataclass(frozen=True)
class Session:
    """A training in a folder.

    Arguments:
        model: The model, untrained or as of its last checkpoint.
        progress: Its optimiser and average.
        feed: Its data.
        folder: Where checkpoints and the log go.
        reading: What the data file held, and what of it was refused.
        data: SHA-256 of the encoded data.
        start: SHA-256 of the weights that it began with, where those were trained before.
    """

    model: Model
    progress: Progress
    feed: Feed
    folder: Path
    reading: Reading
    data: str
    start: str = ""


def prepare(
    config: Config,
    data: Path,
    folder: Path,
    resume: bool = False,
    device: torch.device | str = "cpu",
    start: str | Path | None = None,
) -> Session:
    """Read the data, build or restore the model on a device.

    Arguments:
        config: Of the model and the training.
        data: A file or folder.
        folder: Where checkpoints and the log go.
        resume: Go on from the last checkpoint in the folder, if there is one.
        device: Where the model is.
        start: A trained model, by name or folder, whose codec and averaged weights a new training begins with.

    Raises:
        InputError: When the folder holds a training and `resume` is not asked for, the data cannot be used, or the
            model to start from is another.
    """
    last = checkpoints.latest(folder / "checkpoints")
    if last is not None and not resume:
        raise InputError(f"{folder}: holds a training already; go on with --resume or choose another --out")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file; choose a folder with --out")
    domain = find(config.domain)  # first: it may bring an objective, a solver or a grid
    solvers.build(config.sample.solver)
    grids.build(config.sample.grid)
    objective(config)
    reading = domain.read(data, config.data.get("where", {}))
    torch.manual_seed(config.train.seed)
    begin = Beginning(config, device)
    if last is not None:
        model, progress, source = begin.resumed(Checkpoint.open(last))
    elif start is not None:
        model, progress, source = begin.started(located(start, config.domain))
    else:
        model, progress, source = begin.untrained(domain.fit(reading.objects, config.data))
    compact = model.codec.compact(reading.objects)
    told = checkpoints.digest(compact.arrays)
    if last is not None and Checkpoint.open(last).manifest.data not in ("", told):
        raise InputError(f"{data}: not the data of the training in {folder}; resume with the same")
    refused = Reading([reading.objects[index] for index in compact.kept], [*reading.refused, *compact.refused])
    feed = Feed(model.codec, compact.arrays, len(compact.kept), config.train.seed, config.train.batch_size)
    return Session(model, progress, feed, folder, refused, told, source)


def _optimizer_tensors(tuner: torch.optim.Optimizer) -> dict[str, Tensor]:
    state = tuner.state_dict()["state"]
    return {
        f"{index}.{name}": torch.as_tensor(value) for index, slots in state.items() for name, value in slots.items()
    }


def save(session: Session, metrics: dict[str, float]) -> Checkpoint:
    """Write a checkpoint of the training as it stands, and remove the oldest beyond `train.keep`.

    Metrics that are not numbers are left out: JSON has no NaN.
    """
    from geodrift import __version__

    progress, config = session.progress, session.model.config
    manifest = Manifest(
        geodrift=__version__,
        domain=config.domain,
        domain_version=session.model.domain.version,
        config=config.model_dump(),
        codec=session.model.codec.dump(),
        step=progress.step,
        seed=config.train.seed,
        data=session.data,
        start=session.start,
        metrics={name: value for name, value in metrics.items() if math.isfinite(value)},
    )
    tensors = {
        "model": progress.denoiser.state_dict(),
        "ema": progress.average.weights,
        "optimizer": _optimizer_tensors(progress.optimizer),
    }
    folder = session.folder / "checkpoints"
    written = checkpoints.write(folder / f"step-{progress.step:08d}", manifest, tensors)
    for old in [*sorted(folder.glob("step-*"))[: -config.train.keep], *folder.glob(".step-*")]:
        shutil.rmtree(old)  # those with a dot were left by a process that was killed while writing
    return written


def _saved(session: Session, metrics: dict[str, float]) -> None:
    save(session, metrics)


def averaged(session: Session) -> Model:
    """The model with the average of its weights, for sampling beside the training."""
    model = Model.build(session.model.config, session.model.codec)
    model.denoiser.load_state_dict(session.progress.average.weights)
    return model.to(session.model.device)


def glance(session: Session, count: int) -> dict[str, float]:
    """Cheap metrics of a few samples of the averaged model."""
    return session.model.domain.glance(averaged(session).generate(count, seed=session.progress.step))


def launch(
    session: Session,
    runtime: Fabric,
    watch: Watch | None = None,
    tell: Callable[[dict[str, float]], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Train to the end, or until it is asked to stop, writing checkpoints and the log.

    Arguments:
        session: The training.
        runtime: Where it runs; of several processes the first writes.
        watch: Called after every step with the progress and the loss.
        tell: Called with the numbers of every record of the log.
        stop: Asked after every step.
    """
    config = session.model.config
    watchers = _writers(session, tell or (lambda values: None)) if runtime.is_global_zero else Watchers()
    watchers = replace(watchers, tick=watch or watchers.tick, stop=stop)
    run(runtime, session.progress, objective(config), session.feed, config.train, watchers)


def _writers(session: Session, tell: Callable[[dict[str, float]], None]) -> Watchers:
    config = session.model.config.train
    log = Log(session.folder, session.progress.step, config.tensorboard)
    last: dict[str, float] = {}

    def record(progress: Progress, values: dict[str, float]) -> None:
        last.update(values)
        log.write(progress.step, values)
        tell(values)

    return Watchers(
        log=record,
        save=lambda progress: _saved(session, last),
        glance=lambda progress: record(progress, glance(session, config.samples)),
    )
