"""The process bake-off: five processes of crystals on one network, the same data, steps and budget of network calls.

    python benchmarks/crystals.py TRAIN TEST --out FOLDER [--steps 20000] [--count 500] [--calls 10 50] [--only KIND …]

TRAIN and TEST are tables of crystals, such as `perov_5_val.csv.gz` and `perov_5_test.csv.gz`. Structures of the
compositions of a random part of TEST are predicted, one sample each, by every sampler of a process at every number of
network calls; the published Bayesian flow has a model for each number. Figures have 95 % intervals (bootstrap, of the
match rate Wilson's), and those of predictors that learn nothing stand below. Seconds are of CPU.

Trainings go to FOLDER and resume; each row is a line of FOLDER/rows.jsonl as soon as it is measured, and is not
measured again with the same settings.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from geodrift.config import Config, Sample, Train
from geodrift.errors import InputError
from geodrift.likeness import Likeness
from geodrift.model import Model
from geodrift.plugins import domain
from geodrift.presets import load
from geodrift.ranks import fabric
from geodrift.solvers import solvers
from geodrift.train.launch import launch, prepare

FIGURES = ("match", "rmse", "crmse")
ROWS, SECONDS = "rows.jsonl", "seconds.json"
PC = {"kind": "predictor-corrector", "predictor": "ancestral", "snr": 0.1}


@dataclass(frozen=True)
class Contestant:
    """A process as it is published: its weights of the losses, and the ways to sample it.

    Arguments:
        process: Its config.
        samplers: Settings of sampling, by name.
        weights: Weights of the losses of fields; one where none is given.
        calls: The one number of network calls that it is made for, if there is one.
    """

    process: dict[str, Any]
    samplers: dict[str, dict[str, Any]]
    weights: dict[str, float] = field(default_factory=dict)
    calls: int | None = None

    @property
    def name(self) -> str:
        kind: str = self.process["kind"]
        return kind if self.calls is None else f"{kind}-{self.calls}"


def contestants(calls: Sequence[int]) -> list[Contestant]:
    """The five processes; losses of FlowMM are weighted as published, of OMatG by ten, its order of magnitude."""
    published = {"ancestral": {}, "renoise": {"solver": "renoise"}}
    evidence = {**published, "flow": {"solver": {"kind": "ancestral", "eta": 0.0}}}
    flow = {"euler": {"solver": "euler"}, "annealed": {"solver": "euler", "annealing": {"frac": {"slope": 2.0}}}}
    noise = {"ancestral": {}, "predictor-corrector": {"solver": PC}}
    shaken = {"euler": {"solver": "euler"}, "sde": {"solver": {"kind": "euler-maruyama", "scale": 0.02}}}
    return [
        Contestant({"kind": "bayesian-flow"}, evidence),
        *(Contestant({"kind": "crysbfn", "steps": n}, published, calls=n) for n in calls),
        Contestant({"kind": "riemannian-flow"}, flow, {"frac": 400 / 401, "lattice": 1 / 401}),
        Contestant({"kind": "stochastic-interpolant"}, shaken, {"frac": 10 / 11, "lattice": 1 / 11}),
        Contestant({"kind": "wrapped-diffusion"}, noise),
    ]


def configured(who: Contestant, asked: argparse.Namespace) -> Config:
    """The config of a contestant: the same for all but for process and weights."""
    n = asked.steps
    return Config(
        domain="crystals",
        data={"given": "composition"},
        process=who.process,
        network={"hidden": asked.hidden, "layers": asked.layers},
        objective={"weights": who.weights},
        train=Train(steps=n, batch_size=asked.batch_size, lr=asked.lr, warmup=min(500, n // 10), seed=asked.seed),
    )


def trained(who: Contestant, asked: argparse.Namespace) -> tuple[Model, float]:
    """The trained model and the seconds that it took, over all runs."""
    folder = asked.out / who.name
    config, spent = configured(who, asked), folder / SECONDS
    session = prepare(config, asked.train, folder, resume=folder.exists())
    before = json.loads(spent.read_text()) if spent.exists() else 0.0
    start = time.process_time()
    if session.progress.step < asked.steps:
        tell(f"{who.name}: training from step {session.progress.step} of {asked.steps}")
        folder.mkdir(parents=True, exist_ok=True)

        def note(values: dict[str, float]) -> None:
            spent.write_text(json.dumps(before + time.process_time() - start))

        launch(session, fabric("cpu", config.train.precision), tell=note)
    return load(folder), json.loads(spent.read_text())


@dataclass(frozen=True)
class Exam:
    """Structures to predict.

    Arguments:
        reference: The true ones.
        seed: Of the noise.
    """

    reference: list[Any]
    seed: int

    @classmethod
    def of(cls, path: Path, count: int, seed: int) -> Exam:
        """A random part of a table, in its order."""
        found = domain("crystals").read(path, {}).objects
        chosen = torch.randperm(len(found), generator=torch.Generator().manual_seed(seed))[:count]
        return cls([found[i] for i in chosen.sort()[0].tolist()], seed)

    def predicted(self, model: Model, settings: Sample) -> list[Any]:
        """A sample for each of them; none where the model does not know an element or the size."""
        same = Likeness.of(model.domain, model.codec, self.reference)
        chunks = model.stream(same.numbers(1), seed=self.seed, settings=settings, conditions=same.joined({}))
        samples: list[Any] = [None] * len(self.reference)
        for place, thing in zip(same.kept, (thing for chunk in chunks for thing in chunk.objects), strict=True):
            samples[place] = thing
        return samples


def sampling(model: Model, options: dict[str, Any], calls: int) -> Sample:
    """Settings with as many steps as these network calls allow."""
    settings = model.config.sample.model_copy(update=options)
    steps = (calls - 1) // solvers.build(settings.solver).stages + 1
    return settings.model_copy(update={"steps": steps})


def compete(who: Contestant, asked: argparse.Namespace, exam: Exam, known: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows of a contestant that are not known."""
    every = [(name, calls) for calls in ([who.calls] if who.calls else asked.calls) for name in who.samplers]
    missing = [(name, calls) for name, calls in every if label(who.name, name, calls) not in known]
    if not missing:
        return
    model, spent = trained(who, asked)
    for name, calls in missing:
        before, start = model.denoiser.calls, time.process_time()
        samples = exam.predicted(model, sampling(model, who.samplers[name], calls))
        took = time.process_time() - start
        batches = -(-len(exam.reference) // model.config.sample.batch_size)
        figures = model.evaluate(samples, exam.reference, task="csp", controls=False, jobs=asked.jobs)
        told = {m.name: [m.value, m.low, m.high] for m in figures if m.name in FIGURES}
        made = (model.denoiser.calls - before) // batches
        cost = {"calls_made": made, "train_seconds": spent, "sample_seconds": took}
        yield {"process": who.name, "sampler": name, "calls": calls, **cost, **told}


def controls(asked: argparse.Namespace, exam: Exam) -> Iterator[dict[str, Any]]:
    """What predictors reach that learn nothing."""
    crystals = domain("crystals")
    training = crystals.read(asked.train, {}).objects
    figures = crystals.evaluate(exam.reference, exam.reference, training, {"task": "csp", "jobs": asked.jobs})
    for name in figures[-1].controls:
        values = {m.name: [m.controls[name]] * 3 for m in figures if m.name in FIGURES and name in m.controls}
        yield {"process": name, "sampler": "control", "calls": 0, **values}


def label(process: str, sampler: str, calls: int) -> str:
    return f"{process} {sampler} {calls}"


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def table(rows: Sequence[dict[str, Any]]) -> None:
    figures = "".join(f" {name:>21}" for name in FIGURES)
    print(f"{'process':24} {'sampler':20} {'calls':>6}{figures} {'train s':>9} {'sample s':>9}")
    for row in rows:
        figures = "".join(f" {_cell(row[name]) if name in row else '-':>21}" for name in FIGURES)
        spent = "".join(f" {row.get(f'{what}_seconds', math.nan):9.1f}" for what in ("train", "sample"))
        print(f"{row['process']:24} {row['sampler']:20} {row.get('calls_made', 0):6}{figures}{spent}")


def _cell(figure: list[float]) -> str:
    value, low, high = figure
    return f"{value:.3f}" if low == high else f"{value:.3f} [{low:.3f}, {high:.3f}]"


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--calls", type=int, nargs="+", default=[10, 50])
    parser.add_argument("--only", nargs="+", default=[], help="names of processes, as the table has them")
    parser.add_argument("--lr", type=float, default=2e-3)
    numbers = {"steps": 20_000, "count": 500, "hidden": 96, "layers": 3, "batch-size": 256, "seed": 0, "jobs": 1}
    for name, value in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    return parser


def main() -> None:
    if len(sys.argv) == 1:
        return arguments().print_help()
    asked = arguments().parse_args()
    torch.set_num_threads(1)
    settings = {k: str(v) for k, v in vars(asked).items() if k not in ("out", "calls", "only", "jobs")}
    asked.out.mkdir(parents=True, exist_ok=True)
    path = asked.out / ROWS
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    rows = {label(r["process"], r["sampler"], r["calls"]): r for r in lines if r["settings"] == settings}
    exam = Exam.of(asked.test, asked.count, asked.seed)
    entered = [who for who in contestants(asked.calls) if not asked.only or who.name in asked.only]
    sources = [compete(who, asked, exam, rows) for who in entered]
    if not any(row["sampler"] == "control" for row in rows.values()):
        sources.append(controls(asked, exam))
    for source in sources:
        for row in source:
            rows[label(row["process"], row["sampler"], row["calls"])] = row
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({**row, "settings": settings}) + "\n")
            tell(f"{row['process']} {row['sampler']} {row['calls']}: done")
    table(list(rows.values()))


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"crystals: {error}")
