"""`geodrift generate`: new objects from a trained model."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geodrift.cli.console import emit, note
from geodrift.cli.evaluate import Data
from geodrift.cli.interrupts import unhurried
from geodrift.cli.options import device as find_device
from geodrift.cli.options import source as find_source
from geodrift.cli.options import values
from geodrift.cli.session import Quiet, called
from geodrift.errors import InputError

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from geodrift.drawn import Drawn
    from geodrift.generation import Request
    from geodrift.likeness import Likeness
    from geodrift.model import Model
    from geodrift.samples import Manifest

AUTO = "auto"


def generate(
    domain: Annotated[str, typer.Argument(help="What kind of data: see `geodrift domains`.")],
    out: Annotated[Path, typer.Option(help="A new or empty folder for samples, manifest.json and report.html.")],
    preset: Annotated[str | None, typer.Option(help="A preset with weights; by default the first.")] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="A checkpoint, or the --out of `geodrift train`.")] = None,
    n: Annotated[int | None, typer.Option("-n", min=1, help="How many [64]; with --like, for each object [1].")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of the solver.")] = None,
    solver: Annotated[str | None, typer.Option(help="A solver; its options by --set sample.solver.KEY=…")] = None,
    guidance: Annotated[float | None, typer.Option(min=0, help="Guidance scale; 1 is plain conditioning.")] = None,
    condition: Annotated[list[str] | None, typer.Option(help="What to ask for: key=value.")] = None,
    like: Annotated[
        Path | None, typer.Option(help="Objects to be like, one by one: their compositions, sizes.")
    ] = None,
    like_where: Annotated[list[str] | None, typer.Option(help="Rows of --like: key=value.")] = None,
    best_of: Annotated[int, typer.Option(min=1, help="Draw so many of each sample and keep the best.")] = 1,
    avoid: Annotated[Path | None, typer.Option(help="With --best-of: known objects that are not wanted again.")] = None,
    avoid_where: Annotated[list[str] | None, typer.Option(help="Rows of --avoid: key=value.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same samples.")] = 0,
    batch_size: Annotated[
        str | None, typer.Option(help="Samples at once, or auto; does not change the samples.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda.")] = "auto",
    change: Annotated[list[str] | None, typer.Option("--set", help="Change a key: sample.solver.eta=5.")] = None,
    format: Annotated[list[str] | None, typer.Option(help="Also write files of this kind.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier run in --out.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped in --out.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the manifest.")] = False,
    quiet: Quiet = False,
) -> None:
    """Generate samples with a preset or a checkpoint of your own."""
    from geodrift import ranks
    from geodrift.choice import Choice
    from geodrift.claim import claimed
    from geodrift.drawn import Drawn
    from geodrift.generation import Request
    from geodrift.presets import opened

    given = {"solver.kind": solver, "steps": steps, "guidance": guidance, "batch_size": _number(batch_size)}
    changes = [f"sample.{key}={value}" for key, value in given.items() if value is not None]
    _refuse_model(change or [])
    name, source = find_source(domain, preset, checkpoint)
    model = opened(source, domain, [*changes, *(change or [])]).to(find_device(device))
    same = _alike(model, like, like_where)
    if guidance not in (None, 1) and not condition and not same.rows.keys() & model.codec.scales.keys():
        raise InputError(f"--guidance {guidance:g}: needs a property to follow; ask for one with --condition")
    count = len(same.numbers(n or (64 if like is None else 1)))
    old = Data.read(model.domain, avoid, "--avoid-where", avoid_where)
    choice = Choice(best_of, old.objects, old.path, old.where)
    request = Request(model, name, count, seed, values("--condition", condition), format or (), same, choice, called())
    request.check()
    if overwrite and resume:
        raise InputError("--overwrite and --resume: give one of them")
    if batch_size == AUTO and ranks.several():
        raise InputError("--batch-size auto: several processes must agree; give a number")
    if batch_size == AUTO:
        request = request.in_batches(Drawn(out).begun("config", "sample", "batch_size") if resume else None)
    runtime = ranks.fabric(find_device(device)) if ranks.several() else None
    with claimed(out) if runtime is None or runtime.is_global_zero else nullcontext():
        manifest = _generate(request, out, runtime, overwrite, resume)
    if manifest is None:
        return
    emit(manifest.model_dump()) if json else _tell(out, manifest)
    if manifest.status == "partial":
        note(f"geodrift: stopped; {manifest.count} of {count} samples are in {out}; go on with --resume")
        raise typer.Exit(130)


def _generate(request: Request, out: Path, runtime: Fabric | None, overwrite: bool, resume: bool) -> Manifest | None:
    """Samples in a folder that is claimed; only the first of several processes has a manifest."""
    from geodrift import samples
    from geodrift.cli.progress import bar, stages
    from geodrift.drawn import Drawn

    drawn = Drawn(out)
    if runtime is None or runtime.is_global_zero:
        if resume and samples.complete(out):
            return samples.opened(out)
        samples.vacate(out, overwrite, resume)
        drawn.begin(request.described())
    if runtime is not None and not _shared(request, runtime, drawn):
        return None
    with bar(request.drafts, name=request.name) as tick:
        run = request.run(tick, drawn)
    with unhurried(), stages():
        manifest = run.write(out)
        if run.complete:
            drawn.remove()
    return manifest


def _shared(request: Request, runtime: Fabric, drawn: Drawn) -> bool:
    """Draw this process's share, and say whether it is the first, which goes on when all are done."""
    from geodrift.cli.progress import bar

    request.model.to(runtime.device)
    runtime.barrier()
    with bar(request.drafts // runtime.world_size, name=request.name, shown=runtime.is_global_zero) as tick:
        request.share(runtime.global_rank, runtime.world_size, drawn, tick)
    runtime.barrier()
    return bool(runtime.is_global_zero)


def _alike(model: Model, path: Path | None, where: Sequence[str] | None) -> Likeness:
    """The objects of a file that samples are to be like; what cannot be asked for is counted aloud."""
    from geodrift.likeness import Likeness

    data = Data.read(model.domain, path, "--like-where", where)
    same = Likeness.of(model.domain, model.codec, data.objects, data.path, data.where)
    if same.refused:
        first = same.refused[0]
        told = f"the first: {first.index}: {first.name}: {first.reason}"
        note(f"{path}: {len(same.refused)} of {len(data.objects)} objects are not known to this model; {told}")
    return same


def _refuse_model(changes: list[str]) -> None:
    for change in changes:
        if not change.startswith("sample."):
            raise InputError(f"--set {change}: belongs to the trained model; only sample.… may change, or train again")


def _number(batch_size: str | None) -> int | None:
    """A number of samples; none where nothing, or `auto`, is asked for."""
    if batch_size in (None, AUTO):
        return None
    if not batch_size.isdecimal() or int(batch_size) < 1:
        raise InputError(f"--batch-size {batch_size}: give a number from 1 on, or auto")
    return int(batch_size)


def _tell(out: Path, manifest: Manifest) -> None:
    figures = "".join(f", {name} {value:.4g}" for name, value in manifest.glance.items())
    print(f"{out}: {manifest.count} samples in {manifest.seconds:.1f} s{figures}")
    print(out / "report.html")
