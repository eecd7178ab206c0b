r"""A run of a model: samples with what was asked for, what was done and what it cost."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch

from geodrift import samples
from geodrift.choice import Choice
from geodrift.conditioning import Asked
from geodrift.domain import Domain
from geodrift.errors import InputError, unknown
from geodrift.likeness import Likeness
from geodrift.likeness import conditions as asked_of
from geodrift.metric import Metric
from geodrift.model import Chunk, Model
from geodrift.report import page
from geodrift.report.page import facts
from geodrift.rng import Streams
from geodrift.samples import Manifest
from geodrift.solvers import solvers
from geodrift.solvers.grids import grids

REPORT = "report.html"


@dataclass(frozen=True)
class Request:
    """What to generate.

    Arguments:
        model: A trained model; its config says how to sample.
        name: What the model is called.
        n: How many samples.
        seed: Of the run.
        conditions: What to ask for: a number in the condition's unit, or a text that the codec knows.
        formats: Kinds of files to write beside the domain's own.
        like: Objects that the samples are to be like, if any.
        choice: Of each sample among several drafts, if any.
    """

    model: Model
    name: str
    n: int
    seed: int = 0
    conditions: dict[str, Asked] = field(default_factory=dict)
    formats: Sequence[str] = ()
    like: Likeness = field(default_factory=Likeness)
    choice: Choice = field(default_factory=Choice)

    @property
    def drafts(self) -> int:
        """How many objects are drawn."""
        return self.n * self.choice.drafts

    def check(self) -> None:
        """Raise `InputError` now for what could only fail later."""
        self.choice.check(self.model.domain)
        settings = self.model.config.sample
        solver, grid = solvers.build(settings.solver), grids.build(settings.grid)
        process = self.model.denoiser.process
        solver.admit(process, grid(settings.steps, process))
        every = self.like.numbers(1)
        asked = asked_of(self.model.codec, every, self.like.joined(self.conditions))
        rng = Streams.of(self.seed, len(every))
        self.model.guided(settings, self.model.codec.blank(rng, asked), rng, asked)
        known = getattr(self.model.domain, "formats", ())
        for name in self.formats:
            if name not in known:
                raise unknown("format", name, known)
        if settings.temperature != 1 and not process.categorical:
            raise InputError(f"sample.temperature {settings.temperature:g}: this process has no beliefs to sharpen")

    def run(self, tick: Callable[[float], None] = lambda share: None) -> Run:
        """Generate; Ctrl-C ends the run with the batches that are finished.

        Arguments:
            tick: Called with the number of samples, a fraction of one or many, that a step of the solver stands for.
        """
        calls, wall, cpu = self.model.denoiser.calls, time.perf_counter(), time.process_time()
        settings = self.model.config.sample
        share = self.drafts / (math.ceil(self.drafts / settings.batch_size) * settings.steps)
        watch = partial(_advance, tick, share)
        chunks = self.model.stream(
            range(self.drafts), seed=self.seed, conditions=self.like.joined(self.conditions), watch=watch
        )
        finished = _finished(chunks, partial(tick, share), settings.batch_size)
        spent = time.perf_counter() - wall, time.process_time() - cpu
        return Run(self, finished, self.model.denoiser.calls - calls, *spent)


def _advance(tick: Callable[[float], None], share: float, index: int) -> None:
    tick(share)


def _finished(chunks: Iterable[Chunk], tick: Callable[[], None], batch_size: int) -> list[Chunk]:
    found: list[Chunk] = []
    try:
        for chunk in chunks:
            found.append(chunk)
            tick()
    except KeyboardInterrupt:
        pass
    except torch.OutOfMemoryError:
        raise InputError(f"out of memory with {batch_size} samples at once; lower --batch-size") from None
    return found


@dataclass(frozen=True)
class Run:
    """Samples and what they cost.

    Arguments:
        request: What was asked for.
        chunks: Finished batches.
        network_calls: Calls of the network.
        seconds: Of generation.
        cpu_seconds: The same, of all cores together.
    """

    request: Request
    chunks: list[Chunk]
    network_calls: int
    seconds: float
    cpu_seconds: float

    @cached_property
    def objects(self) -> list[Any]:
        """The samples: the best of their drafts, each with a note what it is like."""
        request = self.request
        drafts = [thing for chunk in self.chunks for thing in chunk.objects]
        return request.like.noted(request.choice.of(request.model.domain, drafts, request.n))

    @property
    def complete(self) -> bool:
        return sum(len(chunk.objects) for chunk in self.chunks) == self.request.drafts

    def write(self, folder: Path) -> Manifest:
        """Write native files, report and manifest; either all of them appear or none."""
        domain, objects = self.request.model.domain, self.objects
        with samples.staged(folder) as temporary:
            extra = [self.request.formats] if self.request.formats else []
            written = [path.name for path in domain.write(objects, temporary, *extra)] if objects else []
            manifest = self._manifest(domain.glance(objects) if objects else {}, [*written, REPORT])
            report(temporary, manifest, domain, objects)
            (temporary / samples.MANIFEST).write_text(manifest.model_dump_json(indent=1), encoding="utf-8")
        return manifest

    def _manifest(self, glance: dict[str, float], files: list[str]) -> Manifest:
        model = self.request.model
        stored = model.manifest
        return Manifest(
            status="complete" if self.complete else "partial",
            versions=samples.versions(model.domain.name, model.domain.version),
            domain=model.domain.name,
            model=self.request.name,
            weights=stored.files.get(f"{stored.averaged}.safetensors", "") if stored else "",
            step=stored.step if stored else 0,
            config=model.config.model_dump(),
            conditions=self.request.conditions,
            like=self.request.like.described(),
            choice=self.request.choice.described(),
            seed=self.request.seed,
            device=str(model.device),
            requested=self.request.n,
            count=len(self.objects),
            batches=len(self.chunks),
            network_calls=self.network_calls,
            seconds=self.seconds,
            cpu_seconds=self.cpu_seconds,
            glance=glance,
            files=files,
        )


def report(
    folder: Path,
    manifest: Manifest,
    domain: Domain,
    objects: list[Any],
    reference: list[Any] | None = None,
    metrics: list[Metric] | None = None,
) -> Path:
    """Write report.html."""
    body = domain.report(objects, reference or [], metrics or [])
    text = page(manifest.model, body, facts(manifest), json.loads(manifest.model_dump_json()))
    path = folder / REPORT
    path.write_text(text, encoding="utf-8")
    return path
