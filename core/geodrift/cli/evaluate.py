"""`geodrift evaluate`: how good samples are, beside what real data reach."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geodrift import caching
from geodrift.cli.console import emit, note, table
from geodrift.cli.options import pairs
from geodrift.cli.session import Quiet
from geodrift.errors import InputError

if TYPE_CHECKING:
    from geodrift.domain import Domain
    from geodrift.metric import Metric

Reference = Annotated[Path | None, typer.Option(help="Held-out data to compare with.")]
Train = Annotated[Path | None, typer.Option(help="Training data, for novelty and for floors.")]
Where = Annotated[list[str] | None, typer.Option(help="Rows of the reference: key=value.")]
TrainWhere = Annotated[list[str] | None, typer.Option(help="Rows of the training data: key=value.")]
Option = Annotated[list[str] | None, typer.Option(help="Of the domain's metrics: protocol=tv.")]
Jobs = Annotated[int, typer.Option(help="Processes; -1 for all cores.")]


def evaluate(
    domain: Annotated[str, typer.Argument(help="What kind of data: see `geodrift domains`.")],
    samples: Annotated[Path, typer.Argument(help="Generated samples: the --out of `generate`, or a file.")],
    reference: Reference = None,
    train: Train = None,
    where: Where = None,
    train_where: TrainWhere = None,
    option: Option = None,
    jobs: Jobs = 1,
    out: Annotated[Path | None, typer.Option(help="File for the figures; by default metrics.json beside them.")] = None,
    per_sample: Annotated[Path | None, typer.Option(help="A .csv file for a table with a row for each sample.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Measure samples: value, 95 % interval, floor, number of samples."""
    from geodrift.plugins import domain as find
    from geodrift.samples import measured, tabled

    found = find(domain)
    listed = None if per_sample is None else _listing(found, per_sample)
    objects = found.samples(samples)
    real, seen = Data.read(found, reference, "--where", where), Data.read(found, train, "--train-where", train_where)
    with resumable():
        metrics = measure(found, objects, real, seen, option, jobs)
        rows = listed(objects, real.objects, {"jobs": jobs, **_options(option)}) if listed else []
    document = {"samples": str(samples), **described(found, real, seen, option, metrics)}
    path = measured(document, samples, out)
    emit(document) if json else show(metrics)
    note(f"written to {path}")
    if per_sample is not None:
        note(f"written to {tabled(rows, per_sample)}")


def _listing(domain: Domain, path: Path) -> Callable[..., list[dict[str, Any]]]:
    """What makes a domain's table of samples, when there is one and it can be written to this file."""
    if path.suffix != ".csv":
        raise InputError(f"--per-sample {path}: write a .csv file")
    listed: Callable[..., list[dict[str, Any]]] | None = getattr(domain, "rows", None)
    if listed is None:
        raise InputError(f"--per-sample: {domain.name} has no table of samples")
    return listed


@contextmanager
def resumable() -> Iterator[None]:
    """A stretch of work that is watched, after whose interruption it is said where what is done is kept."""
    from geodrift.cli.progress import stages

    try:
        with stages():
            yield
    except KeyboardInterrupt:
        note(f"geodrift: stopped; what is kept in {caching.folder()} is not computed again by the same command")
        raise typer.Exit(130) from None


@dataclass(frozen=True)
class Data:
    """Real data that samples are compared with.

    Arguments:
        path: Where they are; None when there are none.
        where: Which rows of it.
        objects: The data.
    """

    path: Path | None = None
    where: dict[str, str] = field(default_factory=dict)
    objects: list[Any] = field(default_factory=list)

    @classmethod
    def read(cls, domain: Domain, path: Path | None, option: str, where: Sequence[str] | None) -> Data:
        """The data of a file, which `where` selects; what cannot be read is counted aloud."""
        chosen = pairs(option, where)
        if path is None:
            if chosen:
                raise InputError(f"{option}: selects rows of a file that is not given")
            return cls()
        reading = domain.read(path, chosen)
        if reading.refused:
            note(f"{path}: {len(reading.objects)} objects, {len(reading.refused)} records cannot be read")
        return cls(path, chosen, reading.objects)

    def described(self) -> dict[str, Any] | None:
        """The data in a few words."""
        return None if self.path is None else {"path": str(self.path), "where": self.where, "count": len(self.objects)}


def measure(
    domain: Domain, objects: list[Any], real: Data, seen: Data, options: Sequence[str] | None, jobs: int
) -> list[Metric]:
    """The figures of samples."""
    return domain.evaluate(objects, real.objects, seen.objects, {"jobs": jobs, **_options(options)})


def _options(settings: Sequence[str] | None) -> dict[str, Any]:
    from geodrift.config import literal

    return {key: literal(text) for key, text in pairs("--option", settings).items()}


def described(
    domain: Domain, real: Data, seen: Data, options: Sequence[str] | None, metrics: Sequence[Metric]
) -> dict[str, Any]:
    """The figures and what they were measured against, as JSON values."""
    return {
        "domain": domain.name,
        "version": domain.version,
        "reference": real.described(),
        "train": seen.described(),
        "options": _options(options),
        "metrics": [asdict(metric) for metric in metrics],
    }


def show(metrics: Sequence[Metric]) -> None:
    """The table of figures, that of controls, and below how they were measured where that can differ."""
    columns = ("metric", "value", "95 % interval", "floor", "n", "better")
    rows = [
        (m.name, f"{m.value:.4g}", f"{m.low:.4g} – {m.high:.4g}", _number(m.floor), f"{m.n:,}", m.better.value)
        for m in metrics
    ]
    table(columns, rows, numbers=(1, 2, 3, 4))
    _beside(metrics)
    for protocol in dict.fromkeys(m.protocol for m in metrics if m.protocol):
        print(f"{', '.join(m.name for m in metrics if m.protocol == protocol)}: {protocol}")


def _beside(metrics: Sequence[Metric]) -> None:
    """The figures beside those of predictors that learn nothing, where there are any."""
    names = list(dict.fromkeys(name for m in metrics for name in m.controls))
    rows = [(m.name, f"{m.value:.4g}", *(_number(m.controls.get(n)) for n in names)) for m in metrics if m.controls]
    if rows:
        print("Controls, which learn nothing or next to nothing:")
        table(("metric", "value", *names), rows, numbers=range(1, 2 + len(names)))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
