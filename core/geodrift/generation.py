r"""A run of a model: samples with what was asked for, what was done and what it cost."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from geodrift import samples
from geodrift.checkpoint import digest
from geodrift.choice import Choice
from geodrift.conditioning import Asked
from geodrift.domain import Domain
from geodrift.drawn import Cost, Drawn
from geodrift.errors import InputError, unknown
from geodrift.fitting import fitting
from geodrift.likeness import Likeness, Wanted
from geodrift.likeness import conditions as asked_of
from geodrift.metric import Metric
from geodrift.model import Chunk, Model, batches
from geodrift.report import page
from geodrift.report.page import facts
from geodrift.rng import Streams
from geodrift.samples import Manifest
from geodrift.solvers import solvers
from geodrift.solvers.grids import grids
from geodrift.state import State


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
        command: How it was asked for, to be shown.
    """

    model: Model
    name: str
    n: int
    seed: int = 0
    conditions: dict[str, Asked] = field(default_factory=dict)
    formats: Sequence[str] = ()
    like: Likeness = field(default_factory=Likeness)
    choice: Choice = field(default_factory=Choice)
    command: str = ""

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
        asked, rng = self._asked, Streams.of(self.seed, len(self.like.numbers(1)))
        self.model.guided(settings, self.model.codec.blank(rng, asked), rng, asked)
        known = getattr(self.model.domain, "formats", ())
        for name in self.formats:
            if name not in known:
                raise unknown("format", name, known)
        if settings.temperature != 1 and not process.categorical:
            raise InputError(f"sample.temperature {settings.temperature:g}: this process has no beliefs to sharpen")

    def in_batches(self, size: int | None = None) -> Self:
        """The same in batches of this size, or of one that suits the machine; the samples are the same."""
        model = self.model
        if size is None:
            brief = model.config.sample.model_copy(update={"steps": 2})
            wanted = self.like.joined(self.conditions)
            size = fitting(lambda n: model.draw(range(n), self.seed, brief, wanted), self.drafts, model.device)
        sample = model.config.sample.model_copy(update={"batch_size": size})
        return replace(self, model=replace(model, config=model.config.model_copy(update={"sample": sample})))

    def run(self, tick: Callable[[float], None] = lambda share: None, drawn: Drawn | None = None) -> Run:
        """Generate; Ctrl-C ends the run with the batches that are finished.

        Arguments:
            tick: Called with the number of samples, a fraction of one or many, that a step of the solver stands for.
            drawn: Where finished batches are kept, and from where they are taken.
        """
        chunks: list[Chunk] = []
        cost = Cost()
        with contextlib.suppress(KeyboardInterrupt):
            for numbers in self._batches:
                chunk, spent = self._finished(numbers, drawn, tick)
                chunks.append(chunk)
                cost += spent
        return Run(self, chunks, cost)

    def share(self, rank: int, ranks: int, drawn: Drawn, tick: Callable[[float], None] = lambda share: None) -> None:
        """Draw those batches of this process, one of several, that are not finished yet."""
        for numbers in self._batches[rank::ranks]:
            self._finished(numbers, drawn, tick)

    @property
    def _asked(self) -> dict[str, Tensor]:
        """The conditions of one sample, or of one like each object that is given."""
        return asked_of(self.model.codec, self.like.numbers(1), self.like.joined(self.conditions))

    @property
    def _batches(self) -> list[range]:
        return batches(range(self.drafts), self.model.config.sample.batch_size)

    def _finished(self, numbers: range, drawn: Drawn | None, tick: Callable[[float], None]) -> tuple[Chunk, Cost]:
        """A batch and what it cost, now or when it was drawn."""
        model, wanted = self.model, self.like.joined(self.conditions)
        kept = drawn.get(numbers) if drawn else None
        if kept is None:
            state, cost = self._drawn(numbers, wanted, tick)
            if drawn:
                drawn.put(numbers, state, cost)
        else:
            state, cost = model.blank(numbers, self.seed, wanted)[0].replace(kept[0]), kept[1]
            tick(len(numbers))
        return Chunk(numbers, model.codec.decode(state)), cost

    def _drawn(self, numbers: range, wanted: Wanted, tick: Callable[[float], None]) -> tuple[State, Cost]:
        settings, denoiser = self.model.config.sample, self.model.denoiser
        calls, wall, cpu = denoiser.calls, time.perf_counter(), time.process_time()
        part = len(numbers) / settings.steps
        try:
            state = self.model.draw(numbers, self.seed, settings, wanted, lambda index: tick(part))
        except torch.OutOfMemoryError:
            raise InputError(f"out of memory with {len(numbers)} samples at once; lower --batch-size") from None
        return state, Cost(denoiser.calls - calls, time.perf_counter() - wall, time.process_time() - cpu)

    def described(self) -> dict[str, Any]:
        """Everything that decides the samples, as JSON values."""
        model, stored = self.model, self.model.manifest
        return {
            "versions": samples.versions(model.domain.name, model.domain.version),
            "domain": model.domain.name,
            "model": self.name,
            "weights": stored.files.get(f"{stored.averaged}.safetensors", "") if stored else "",
            "step": stored.step if stored else 0,
            "config": model.config.model_dump(),
            "conditions": self.conditions,
            "condition_values": digest(self._asked),  # with what files hold that are named above
            "like": self.like.described(),
            "choice": self.choice.described(),
            "seed": self.seed,
            "device": str(model.device),
            "requested": self.n,
        }


@dataclass(frozen=True)
class Run:
    """Samples and what they cost.

    Arguments:
        request: What was asked for.
        chunks: Finished batches.
        cost: Of drawing them.
    """

    request: Request
    chunks: list[Chunk]
    cost: Cost

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
        if (folder / samples.MANIFEST).is_file():
            samples.remove(folder)  # the part that was there when the run was stopped
        with samples.staged(folder) as temporary:
            extra = [self.request.formats] if self.request.formats else []
            written = [path.name for path in domain.write(objects, temporary, *extra)] if objects else []
            manifest = self._manifest(domain.glance(objects) if objects else {}, [*written, samples.REPORT])
            report(temporary, manifest, domain, objects)
            (temporary / samples.MANIFEST).write_text(manifest.model_dump_json(indent=1), encoding="utf-8")
        return manifest

    def _manifest(self, glance: dict[str, float], files: list[str]) -> Manifest:
        return Manifest(
            **self.request.described(),
            status="complete" if self.complete else "partial",
            count=len(self.objects),
            batches=len(self.chunks),
            network_calls=self.cost.calls,
            command=self.request.command,
            seconds=self.cost.seconds,
            cpu_seconds=self.cost.cpu_seconds,
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
    path = folder / samples.REPORT
    path.write_text(text, encoding="utf-8")
    return path
