"""What the report says of generated molecules: drawings, what is not valid, properties, scaffolds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem.Scaffolds import MurckoScaffold

from geodrift.report.histogram import Values, histograms
from geodrift.report.parts import part, section, sorts
from geodrift_graphs.molecules.properties import table
from geodrift_graphs.molecules.vocabulary import problem, sanitised
from geodrift_graphs.report import depiction
from geodrift_graphs.report.elements import card, tiles

DRAWN = 48
_USUAL = 14  # heavy atoms that a small picture has room for
LISTED = 50  # samples that are not valid, named with the reason
MEASURED = 2000  # molecules that histograms and scaffolds are made from, evenly spaced in the list
_SCAFFOLDS = 8
_VALENCE = re.compile(r"Explicit valence for atom # (\d+) (\S+), (\d+), is greater than permitted")
_NAMES = {"qed": "QED", "logp": "logP", "weight": "Weight, Da", "tpsa": "Polar surface, Å²", "rings": "Rings"}
_HEADS = [*_NAMES.values(), "Heavy atoms"]


@dataclass(frozen=True)
class Entry:
    """One sample.

    Arguments:
        index: Its number.
        molecule: Sanitised if that is possible, else as generated.
        smiles: Canonical for what is valid.
        reason: Why it is not valid, empty when it is.
    """

    index: int
    molecule: Chem.Mol
    smiles: str
    reason: str

    @classmethod
    def of(cls, index: int, molecule: Chem.Mol) -> Entry:
        valid = sanitised(molecule)
        if valid is not None and valid.GetNumAtoms():
            return cls(index, valid, Chem.MolToSmiles(valid), "")
        rough = Chem.Mol(molecule)
        rough.UpdatePropertyCache(strict=False)
        return cls(index, rough, Chem.MolToSmiles(rough), problem(molecule) or "no atoms")


def molecules(samples: Sequence[Chem.Mol], reference: Sequence[Chem.Mol]) -> tuple[str, str]:
    """The pictures, and the distributions of the valid molecules."""
    with rdBase.BlockLogs():
        entries = [Entry.of(index, molecule) for index, molecule in enumerate(samples)]
        valid = _spaced([entry.molecule for entry in entries if not entry.reason])
        real = [molecule for molecule in map(sanitised, _spaced(reference)) if molecule is not None]
        return _pictures(entries) + _invalid(entries), _properties(valid, real) + _scaffolds(valid, real)


def _pictures(entries: Sequence[Entry]) -> str:
    names = [entry.smiles for entry in entries if not entry.reason]
    whole = sum("." not in name for name in names)
    counts = (
        f"{len(entries):,} samples: {len(names):,} valid ({part(len(names), len(entries))}), of these {whole:,} in one "
        f"piece and {len(set(names)):,} different. "
    )
    shown = entries[:DRAWN]
    about = f"Drawn are the first {len(shown)}, as they came. " if len(shown) < len(entries) else ""
    dashed = "A dashed frame is around what is not valid." if any(entry.reason for entry in shown) else ""
    pictures = depiction.tiles([entry.molecule for entry in shown])
    sizes = [entry.molecule.GetNumAtoms() for entry in shown]
    cards = [
        card(tile, f"Molecule {entry.index}: {entry.smiles}", f"{entry.index}", entry.smiles, _brief(entry.reason),
             numbers=numbers)
        for entry, tile, numbers in zip(shown, pictures, _numbers(shown), strict=True)
    ]  # fmt: skip
    return section("Samples", f"<p>{counts}{about}{dashed}</p>", sorts(_HEADS), tiles(cards, sizes, _USUAL))


def _numbers(entries: Sequence[Entry]) -> list[dict[str, float]]:
    """The properties of each sample by name; none of one that is not valid."""
    columns = _columns([entry.molecule for entry in entries if not entry.reason])
    rows = iter(zip(*columns, strict=True))
    return [{} if entry.reason else dict(zip(_HEADS, map(float, next(rows)), strict=True)) for entry in entries]


def _brief(reason: str) -> str:
    return _VALENCE.sub(r"\2\1: valence \3", reason)


def _invalid(entries: Sequence[Entry]) -> str:
    bad = [entry for entry in entries if entry.reason]
    if not bad:
        return ""
    rows = "\n".join(
        f"<tr><td>{entry.index}</td><td>{escape(entry.reason)}</td><td><code>{escape(entry.smiles)}</code></td></tr>"
        for entry in bad[:LISTED]
    )
    head = "<tr>" + "".join(f'<th scope="col">{name}</th>' for name in ("Sample", "Reason", "As generated")) + "</tr>"
    first = f"; the first {LISTED}" if len(bad) > LISTED else ""
    summary = f"<summary>{len(bad):,} not valid ({part(len(bad), len(entries))}){first}</summary>"
    listing = f'<table class="list"><thead>{head}</thead><tbody>\n{rows}\n</tbody></table>'
    return f'<details>{summary}<div class="wide">{listing}</div></details>\n'


def _properties(valid: Sequence[Chem.Mol], real: Sequence[Chem.Mol]) -> str:
    charts = histograms(_HEADS, _columns(valid), _columns(real), (len(valid), len(real)))
    return section("Properties", charts) if charts else ""


def _columns(molecules: Sequence[Chem.Mol]) -> list[Values]:
    columns = table(molecules, _NAMES)
    atoms = np.array([molecule.GetNumHeavyAtoms() for molecule in molecules], np.int64)
    kinds = {"rings": np.int64}
    return [*(np.array(columns.get(name, []), kinds.get(name, np.float64)) for name in _NAMES), atoms]


def _scaffolds(valid: Sequence[Chem.Mol], real: Sequence[Chem.Mol]) -> str:
    found, known = (Counter(map(_scaffold, molecules)) for molecules in (valid, real))
    open_chains = found.pop("", 0)
    common = sorted(found, key=lambda core: (-found[core], core))[:_SCAFFOLDS]
    if not common:
        return ""
    pictures = depiction.tiles([Chem.MolFromSmiles(core) for core in common])
    compared = [f"reference {part(known[core], len(real))}" if real else "" for core in common]
    cards = [
        card(tile, f"Scaffold {core}", part(found[core], len(valid)), core, other)
        for core, tile, other in zip(common, pictures, compared, strict=True)
    ]
    about = f"The most frequent of {len(found):,}; {part(open_chains, len(valid))} of the molecules have no ring."
    return section("Scaffolds", f"<p>{about}</p>", tiles(cards, [], _USUAL))


def _scaffold(molecule: Chem.Mol) -> str:
    return Chem.MolToSmiles(MurckoScaffold.GetScaffoldForMol(molecule))  # type: ignore[no-untyped-call]


def _spaced(molecules: Sequence[Chem.Mol]) -> Sequence[Chem.Mol]:
    return molecules[:: max(1, -(-len(molecules) // MEASURED))]
