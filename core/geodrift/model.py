r"""A domain, its codec and a trained denoiser: everything that generates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from geodrift import config as configs
from geodrift.checkpoint import Checkpoint, Manifest, latest
from geodrift.conditioning import Asked
from geodrift.config import Config
from geodrift.denoiser import Denoise, Denoiser
from geodrift.domain import Codec, Domain
from geodrift.errors import InputError, unknown
from geodrift.guidance.annealing import annealed
from geodrift.guidance.cfg import ClassifierFree
from geodrift.guidance.temperature import Tempered
from geodrift.likelihood import Likelihood, Scores, score
from geodrift.likeness import Likeness, Wanted
from geodrift.likeness import conditions as asked_of
from geodrift.metric import Metric
from geodrift.plugins import domain as find
from geodrift.plugins import entries
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.solvers import solvers
from geodrift.solvers.grids import grids
from geodrift.state import State

_SHOWN = 200  # characters of an error of torch


@dataclass(frozen=True)
class Chunk:
    """Some finished samples.

    Arguments:
        indices: Their numbers in the run.
        objects: Native objects, one for each.
    """

    indices: range
    objects: list[Any]


@dataclass(frozen=True)
class Model:
    """A trained model.

    Arguments:
        domain: The plugin it belongs to.
        codec: What it knows of its training data.
        denoiser: The network on its process.
        config: The resolved config.
        manifest: What the checkpoint says, if it came from one.
    """

    domain: Domain
    codec: Codec
    denoiser: Denoiser
    config: Config
    manifest: Manifest | None = None

    @classmethod
    def build(cls, config: Config, codec: Codec, manifest: Manifest | None = None) -> Model:
        """An untrained model of this config."""
        domain = find(config.domain)
        process = domain.process(config.process, codec)
        network = domain.network(config.network, codec, process)
        return cls(domain, codec, Denoiser(network, process, config.sample.precision == "bf16"), config, manifest)

    def to(self, device: torch.device | str) -> Model:
        """Move the network to a device."""
        self.denoiser.to(device)
        return self

    @property
    def device(self) -> torch.device:
        return next(self.denoiser.parameters()).device

    def stream(
        self,
        indices: range,
        *,
        seed: int = 0,
        settings: configs.Sample | None = None,
        conditions: Wanted | None = None,
        watch: Callable[[int], None] | None = None,
    ) -> Iterator[Chunk]:
        """Generate the samples with these numbers, batch by batch; sample `i` depends on the seed and `i` alone.

        Arguments:
            indices: Numbers of the samples.
            seed: Of the run.
            settings: Solver, grid, steps, guidance and batch size; the model's own by default.
            conditions: What to ask for, by name: a number in its unit, a text that the codec knows, or rows.
            watch: Called after every step of the solver.
        """
        settings = settings or self.config.sample
        for start in range(indices.start, indices.stop, settings.batch_size):
            numbers = range(start, min(start + settings.batch_size, indices.stop))
            yield Chunk(numbers, self.codec.decode(self.draw(numbers, seed, settings, conditions or {}, watch)))

    def draw(
        self,
        numbers: range,
        seed: int,
        settings: configs.Sample,
        conditions: Wanted,
        watch: Callable[[int], None] | None = None,
    ) -> State:
        """The samples with these numbers as one state."""
        solver, grid = solvers.build(settings.solver), grids.build(settings.grid)
        rng = Streams.of(seed, torch.arange(numbers.start, numbers.stop), self.device)
        asked = {k: v.to(self.device) for k, v in asked_of(self.codec, numbers, conditions).items()}
        like = self.codec.blank(rng, asked).to(self.device)
        denoise = self.guided(settings, like, rng, asked)
        cond = {name: value for name, value in asked.items() if name in self.codec.scales}
        tick = (lambda index, z: watch(index)) if watch else None
        drawn: State = sample(denoise, like, solver, rng, steps=settings.steps, grid=grid, cond=cond, watch=tick)
        return drawn

    def guided(self, settings: configs.Sample, like: State, rng: Streams, asked: Mapping[str, Tensor]) -> Denoise:
        """The denoiser as it samples: guided, sharpened, annealed, and within what exact conditions allow."""
        denoise: Denoise = Tempered(ClassifierFree(self.denoiser.eval(), settings.guidance), settings.temperature)
        denoise = annealed(denoise, settings.annealing)
        exact = {name: value for name, value in asked.items() if name in self.codec.exact}
        return self.codec.hold(denoise, like, rng, exact) if exact else denoise

    def generate(
        self, n: int, *, seed: int = 0, steps: int | None = None, like: Sequence[Any] = (), **conditions: Asked
    ) -> list[Any]:
        """Native objects.

        Arguments:
            n: How many, or how many for each object of `like`.
            seed: The same seed gives the same objects.
            steps: Steps of the solver; the model's own by default.
            like: Objects that the new ones are to be like, one after another, in what holds exactly.
            conditions: What to ask for: a number in the condition's unit, or a text that the codec knows.
        """
        settings = self.config.sample if steps is None else self.config.sample.model_copy(update={"steps": steps})
        same = Likeness.of(self.domain, self.codec, like)
        chunks = self.stream(same.numbers(n), seed=seed, settings=settings, conditions=same.joined(conditions))
        return same.noted([thing for chunk in chunks for thing in chunk.objects])

    def evaluate(
        self, samples: Sequence[Any], reference: Sequence[Any] = (), training: Sequence[Any] = (), **options: Any
    ) -> list[Metric]:
        """Metrics of samples against held-out objects, with floors where the training objects are given too."""
        return self.domain.evaluate(samples, reference, training, options)

    def likelihood(
        self, objects: Sequence[Any], way: Likelihood | None = None, *, seed: int = 0, batch_size: int = 64
    ) -> Scores:
        """How likely native objects are, by default in the way that suits the process: see `likelihood.score`."""
        return score(self, objects, way, seed, batch_size)


def preset(name: str, domain: str | None = None) -> tuple[Domain, Path]:
    """The domain and the folder of a preset, named "domain/preset", or "preset" where the domain is known."""
    owner, separator, short = name.rpartition("/")
    if name.startswith((".", "/")) or (Path(name).exists() and not _ships(owner or domain, short)):
        raise InputError(f"{name}: neither a preset nor a TOML file (ending in .toml), nor the folder of a checkpoint")
    if not separator and domain is None:
        raise InputError(f'preset "{name}": write it as DOMAIN/{name}, for example graphs/{name}')
    if separator and domain is not None and owner != domain:
        raise InputError(f'preset "{name}" belongs to {owner}, not to {domain}')
    found = find(owner or str(domain))
    folders = found.presets()
    if short not in folders:
        raise unknown(f"preset for {found.name}", short, folders)
    return found, folders[short]


def _ships(domain: str | None, preset: str) -> bool:
    return domain in entries() and preset in find(domain).presets()


def settings(name: str, domain: str | None = None, changes: Sequence[str] = ()) -> Config:
    """The resolved config of a preset, or of a TOML file, with changes."""
    found = None if name.endswith(".toml") else preset(name, domain)
    path = Path(name) if found is None else found[1] / "config.toml"
    table = configs.parse(path)
    parent = table.pop("extends", None)
    if not isinstance(parent, str | None):
        raise InputError(f"{path}: extends: the name of a preset, not {parent!r}")
    if parent is not None:
        table = configs.merge(configs.parse(preset(parent, domain)[1] / "config.toml"), table)
    config = configs.resolve({"domain": found[0].name if found else domain, **table}, str(path))
    if domain is not None and config.domain != domain:
        raise InputError(f"{path}: a config of {config.domain}, not of {domain}")
    return configs.changed(config, changes)


def restore(checkpoint: Checkpoint, weights: str, changes: Sequence[str] = ()) -> Model:
    """The model of a checkpoint, with the weights in this file of it and changes of its config."""
    manifest = checkpoint.manifest
    config = configs.changed(configs.resolve(manifest.config, f"{checkpoint.folder}/manifest.json"), changes)
    built = Model.build(config, find(manifest.domain).codec(manifest.codec), manifest)
    try:
        built.denoiser.load_state_dict(checkpoint.tensors(weights))
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip()[:_SHOWN]
        raise InputError(f"{checkpoint.folder}: the weights do not fit the network of the config: {first}") from None
    return built


def load(name: str | Path, domain: str | None = None) -> Model:
    """A trained model: a preset ("crystals/perov-csp"), a checkpoint folder, or the folder of a training.

    Raises:
        InputError: When there is nothing of this name, or it belongs to another domain, or it is damaged.
    """
    return opened(located(name, domain), domain)


def opened(checkpoint: Checkpoint, domain: str | None = None, changes: Sequence[str] = ()) -> Model:
    """The model of a checkpoint for sampling, of this domain, with changes of its config."""
    if domain is not None and checkpoint.manifest.domain != domain:
        raise InputError(f"{checkpoint.folder}: a checkpoint of {checkpoint.manifest.domain}, not of {domain}")
    return restore(checkpoint, checkpoint.manifest.averaged, changes)


def located(name: str | Path, domain: str | None = None) -> Checkpoint:
    """The checkpoint in a folder, the newest of a training's folder, or the one of a preset."""
    folder = Path(name)
    if folder.is_dir():
        return Checkpoint.open(latest(folder / "checkpoints") or folder)
    if isinstance(name, Path):
        raise InputError(f"{folder}: {'a file, not a checkpoint' if folder.exists() else 'no such folder'}")
    return shipped(name, domain)


def shipped(name: str, domain: str | None = None) -> Checkpoint:
    """The checkpoint that a preset ships."""
    folder = preset(name, domain)[1]
    if not has_weights(folder):
        raise InputError(f'preset "{name}" has no weights; train it: geodrift train … --preset {name}')
    return Checkpoint.open(folder)


def has_weights(preset: Path) -> bool:
    """Whether the folder of a preset is a checkpoint."""
    return (preset / "manifest.json").is_file()
