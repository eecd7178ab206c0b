"""Read damaged files of every kind and count what is not one clear answer.

A reader may give objects, list records that it refuses, or raise `InputError`. Anything else is a defect: another
exception, more than five seconds, or more memory than the cap. Whatever breaks a reader is kept in a folder.

python benchmarks/fuzz.py [--count 10000] [--seed 0] [--only cif] [--keep broken]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import random
import resource
import signal
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from geodrift import checkpoint, config, samples
from geodrift.checkpoint import Checkpoint
from geodrift.drawn import Cost, Drawn
from geodrift.errors import InputError
from geodrift.metric import share
from geodrift.plugins import domain
from geodrift.state import State
from geodrift.testing.damage import damaged

LIMIT = 5.0  # seconds of one file
LONG = 2000  # letters of a message that nobody reads
CAP = 2 << 30  # bytes beyond what the process has at the beginning
SMILES = "CCO\nc1ccccc1 benzene\nCC(=O)[O-].[Na+]\nN[C@@H](C)C(=O)O\n"
TOML = Path(__file__).parents[1] / "plugins/graphs/geodrift_graphs/presets/qm9/config.toml"


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Arguments:
        whole: Files that are not damaged, by their names.
        read: Reads the folder that holds them.
        hit: Which of them are damaged; all by default.
    """

    whole: dict[str, bytes]
    read: Callable[[Path], Any]
    hit: tuple[str, ...] = ()


class Hang(Exception):
    """A file takes too long."""


def written(name: str, **formats: Any) -> dict[str, bytes]:
    """What a domain writes of its examples, by name."""
    with TemporaryDirectory() as folder:
        plugin = domain(name)
        plugin.write(plugin.examples()[:3], Path(folder), **formats)
        return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(Path(folder).rglob("*")) if p.is_file()}


def reader(name: str) -> Callable[[Path], Any]:
    return lambda folder: domain(name).read(folder, {})


def fitted(folder: Path) -> Any:
    """Brains are read when they are used."""
    return domain("mri3d").fit(domain("mri3d").read(folder, {}).objects, {})


def kinds() -> Iterator[tuple[str, Kind]]:
    """Every kind of file that geodrift reads."""
    import networkx

    yield "smi", Kind({"a.smi": SMILES.encode()}, reader("graphs"))
    yield "csv", Kind({"a.csv": b'smiles,mu\nCCO,1.5\nc1ccccc1,0\n"C,C",x\n'}, reader("graphs"))
    yield "sdf", Kind({"samples.sdf": written("graphs")["samples.sdf"]}, reader("graphs"))
    graph = networkx.petersen_graph()
    yield "g6", Kind({"a.g6": networkx.to_graph6_bytes(graph) * 3}, reader("graphs"))
    yield "graphml", Kind({"a.graphml": "\n".join(networkx.generate_graphml(graph)).encode()}, reader("graphs"))
    crystals = written("crystals")
    cif = next(content for name, content in crystals.items() if name.endswith(".cif"))
    yield "cif", Kind({"a.cif": cif}, reader("crystals"))
    yield "cif-table", Kind({"a.csv": b'material_id,cif\n1,"' + cif.replace(b'"', b'""') + b'"\n'}, reader("crystals"))
    yield "extxyz", Kind({n: c for n, c in crystals.items() if n.endswith("xyz")}, reader("crystals"))
    brains = written("mri3d")
    name, nifti = next((name, content) for name, content in brains.items() if name.endswith(".nii.gz"))
    yield "nifti", Kind({Path(name).name: nifti}, fitted)
    yield "participants", Kind(brains, fitted, tuple(n for n in brains if n.endswith((".tsv", ".json"))))
    yield "toml", Kind({"a.toml": TOML.read_bytes()}, lambda f: config.resolve(config.parse(f / "a.toml"), "a.toml"))
    yield from stored()


def stored() -> Iterator[tuple[str, Kind]]:
    """What geodrift writes for itself."""
    about = {"geodrift": "1", "domain": "graphs", "domain_version": "1", "config": {"domain": "graphs"}, "codec": {}}
    with TemporaryDirectory() as name:
        folder = Path(name)
        tensors = {"model": {"a.weight": torch.randn(4, 4), "b": torch.arange(9)}}
        checkpoint.write(folder / "c", checkpoint.Manifest.model_validate(about), tensors)
        files = {path.name: path.read_bytes() for path in (folder / "c").iterdir()}
        yield "checkpoint", Kind(files, lambda f: Checkpoint.open(f).tensors("model"))
        Drawn(folder).begin({})
        Drawn(folder).put(range(4), State({"z": torch.randn(4, 3)}), Cost(1, 2.0, 3.0))
        batch = (folder / ".drawn/00000000-00000004.safetensors").read_bytes()
        yield "batch", Kind({".drawn/00000000-00000004.safetensors": batch}, lambda f: Drawn(f).get(range(4)))
    manifest = samples.Manifest(
        status="complete", versions={}, domain="graphs", model="m", weights="", step=1, config={}, conditions={},
        seed=0, device="cpu", requested=1, count=1, batches=1, network_calls=1, seconds=1.0, cpu_seconds=1.0,
    )  # fmt: skip
    figures = json.dumps({"metrics": [asdict(share("validity", 1, 2))]}).encode()
    files = {"manifest.json": manifest.model_dump_json().encode(), "metrics.json": figures}
    yield "samples", Kind(files, lambda f: (samples.opened(f), samples.figures(f)))


def answer(kind: Kind, folder: Path) -> str:
    """What reading a folder comes to."""
    began = time.perf_counter()
    signal.setitimer(signal.ITIMER_REAL, LIMIT)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            kind.read(folder)
        found = "read"
    except InputError as error:
        found = "refused" if len(str(error)) < LONG else f"a refusal of more than {LONG} letters"
    except BaseException as error:
        found = f"{type(error).__name__}: {str(error)[:90]}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return found if time.perf_counter() - began < LIMIT else f"more than {LIMIT:.0f} s"


def placed(kind: Kind, folder: Path, dice: random.Random | None) -> None:
    """Write the files of a kind, one of them or more damaged if there are dice."""
    hit = kind.hit or tuple(kind.whole)
    chosen = dice.sample(hit, dice.randint(1, len(hit))) if dice else ()
    for name, content in kind.whole.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(damaged(content, dice) if dice and name in chosen else content)


def attack(name: str, kind: Kind, count: int, seed: int, keep: Path) -> int:
    """Read damaged files of a kind, tell what came of it, and count the defects."""
    dice, answers, start = random.Random(f"{seed}-{name}"), Counter[str](), time.process_time()
    with TemporaryDirectory() as temporary:
        for number in range(count):
            placed(kind, Path(temporary), dice)
            found = answer(kind, Path(temporary))
            if found not in ("read", "refused"):
                for path in kind.whole:
                    target = keep / f"{name}-{number}" / path
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes((Path(temporary) / path).read_bytes())
            answers[found] += 1
    defects = count - answers["read"] - answers["refused"]
    seconds = time.process_time() - start
    print(
        f"{name:13}{count:7} files: {answers['read']} read, {answers['refused']} refused, {defects} defects, "
        f"{seconds:.0f} s"
    )
    for what, times in answers.most_common():
        if what not in ("read", "refused"):
            print(f"    {times} x {what}")
    sys.stdout.flush()
    return defects


def late(number: int, frame: Any) -> None:
    raise Hang(f"more than {LIMIT:.0f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="")
    parser.add_argument("--keep", type=Path, default=Path("broken"))
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, late)
    every = [(name, kind) for name, kind in kinds() if asked.only in name]
    for name, kind in every:  # also so that all is imported before memory is capped
        with TemporaryDirectory() as folder:
            placed(kind, Path(folder), None)
            if (found := answer(kind, Path(folder))) != "read":
                raise SystemExit(f"{name}: what is not damaged is not read: {found}")
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + CAP, used + CAP))
    defects = sum(attack(name, kind, asked.count, asked.seed, asked.keep) for name, kind in every)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{defects} defects; {peak:.2f} GiB at most, {CAP >> 30} GiB beyond the libraries were allowed")
    sys.exit(defects > 0)


if __name__ == "__main__":
    main()
