r"""A domain, its codec and a trained denoiser: everything that generates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from geodrift import config as configs
from geodrift.checkpoint import Manifest
from geodrift.conditioning import Asked
from geodrift.config import Config
from geodrift.denoiser import Denoise, Denoiser
from geodrift.domain import Codec, Domain
from geodrift.guidance.annealing import annealed
from geodrift.guidance.cfg import ClassifierFree
from geodrift.guidance.temperature import Tempered
from geodrift.likelihood import Likelihood, Scores, score
from geodrift.likeness import Likeness, Wanted
from geodrift.likeness import conditions as asked_of
from geodrift.metric import Metric
from geodrift.plugins import domain as find
from geodrift.rng import Streams
from geodrift.sampling import sample
from geodrift.solvers import solvers
from geodrift.solvers.grids import grids
from geodrift.state import State


@dataclass(frozen=True)
class Chunk:
    """Some finished samples.

    Arguments:
        indices: Their numbers in the run.
        objects: Native objects, one for each.
    """

    indices: range
    objects: list[Any]


def batches(indices: range, size: int) -> list[range]:
    """These numbers in batches."""
    return [range(start, min(start + size, indices.stop)) for start in range(indices.start, indices.stop, size)]


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
        mixed, compiled = config.sample.precision == "bf16", config.sample.compile
        return cls(domain, codec, Denoiser(network, process, mixed, compiled=compiled), config, manifest)

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
        for numbers in batches(indices, settings.batch_size):
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
        return self.drawn(*self.blank(numbers, seed, conditions), settings, watch)

    def drawn(
        self,
        like: State,
        rng: Streams,
        asked: Mapping[str, Tensor],
        settings: configs.Sample,
        watch: Callable[[int], None] | None = None,
    ) -> State:
        """What becomes of a blank state, with these streams and what is asked of it, `(B, ...)` each."""
        solver, grid = solvers.build(settings.solver), grids.build(settings.grid)
        if hasattr(self.codec, "begin"):
            like = self.codec.begin(like, rng, asked)
        denoise = self.guided(settings, like, rng, asked)
        cond = {name: value for name, value in asked.items() if name in self.codec.scales}
        tick = (lambda index, z: watch(index)) if watch else None
        drawn: State = sample(denoise, like, solver, rng, steps=settings.steps, grid=grid, cond=cond, watch=tick)
        return drawn

    def blank(self, numbers: range, seed: int, conditions: Wanted) -> tuple[State, Streams, dict[str, Tensor]]:
        """The empty state of the samples with these numbers, their random numbers, and what is asked of them."""
        rng = Streams.of(seed, torch.arange(numbers.start, numbers.stop), self.device)
        asked = {k: v.to(self.device) for k, v in asked_of(self.codec, numbers, conditions).items()}
        return self.codec.blank(rng, asked).to(self.device), rng, asked

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
