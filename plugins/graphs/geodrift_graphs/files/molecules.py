r"""Records of molecule files: SMILES lists, tables with a column `smiles`, SD files."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from rdkit import Chem, rdBase

from geodrift.contents import text
from geodrift.errors import InputError, unknown
from geodrift_graphs.files.reading import Record
from geodrift_graphs.generic.packed import Unrepresentable
from geodrift_graphs.molecules.vocabulary import problem

_PROPERTY = re.compile(r"^>.*?<([^>]+)>[^\n]*\n([^\n]*)", re.MULTILINE)
_HEADERS = ("smiles", "canonical_smiles")
_SHOWN = 80  # characters of a record that an error repeats


def smi(path: Path) -> list[Record]:
    """One `SMILES [name]` a line; a header, empty lines and lines that begin with # are skipped."""
    lines = ((number, line.split(maxsplit=1)) for number, line in enumerate(text(path).split("\n"), 1))
    return [
        Record(
            number,
            parts[0][:_SHOWN],
            {"name": "".join(parts[1:]).strip()},
            _parser(parts[0]),
            partial(_rough, Chem.MolFromSmiles, parts[0]),
        )
        for number, parts in lines
        if parts and not parts[0].startswith("#") and not (number == 1 and parts[0].lower() in _HEADERS)
    ]


def table(path: Path) -> list[Record]:
    """A csv with a column `smiles` (in any case); the other columns can be selected on."""
    content = text(path)
    blank = len(content) - len(content.lstrip("\n"))
    reader = csv.DictReader(io.StringIO(content[blank:]), strict=True)
    try:
        column = _column(path, reader.fieldnames or [])
        return [_row(blank + reader.line_num, row, column) for row in reader]
    except csv.Error as error:
        raise InputError(f"{path}: line {blank + max(reader.line_num, 1)}: {error}") from None


def _column(path: Path, names: Sequence[str]) -> str:
    column = next((name for name in names if name.strip().lower() == "smiles"), None)
    if column is None:
        raise InputError(f"{path}: {unknown('column', 'smiles', [name.strip()[:_SHOWN] for name in names[:20]])}")
    return column


def sdf(path: Path) -> list[Record]:
    """An SD file; the properties can be selected on."""
    supplier = Chem.SDMolSupplier()
    with rdBase.BlockLogs():
        supplier.SetData(text(path))
    items = ((number, supplier.GetItemText(number)) for number in range(len(supplier)))
    return [
        Record(
            number + 1,
            _title(item)[:_SHOWN],
            dict(_PROPERTY.findall(item)),
            partial(_item, item),
            partial(_rough, Chem.MolFromMolBlock, item),
        )
        for number, item in items
        if item.strip()
    ]


def _row(line: int, row: dict[str, str], column: str) -> Record:
    smiles = (row[column] or "").strip()
    columns = {name.strip(): (value or "").strip() for name, value in row.items() if name}  # None: cells without a name
    return Record(line, smiles[:_SHOWN], columns, _parser(smiles), partial(_rough, Chem.MolFromSmiles, smiles))


def _parser(smiles: str) -> Callable[[], Chem.Mol]:
    return partial(_parse, partial(Chem.MolFromSmiles, smiles), "SMILES does not parse")


def _rough(read: Callable[..., Chem.Mol | None], text: str) -> Chem.Mol:
    """What is written, without asking whether it is a molecule; no atoms where it is not even a record of one."""
    with rdBase.BlockLogs():
        molecule = read(text, sanitize=False)
    return Chem.Mol() if molecule is None else molecule


def _title(item: str) -> str:
    return item.split("\n", 1)[0]


def _item(item: str) -> Chem.Mol:
    molecule = _parse(partial(Chem.MolFromMolBlock, item), "the record is not a molecule")
    molecule.SetProp("_Name", _title(item).strip())
    return molecule


def _parse(read: Callable[..., Chem.Mol | None], otherwise: str) -> Chem.Mol:
    with rdBase.BlockLogs():
        molecule = read()
        rough = read(sanitize=False) if molecule is None else None
    if molecule is None:
        raise Unrepresentable(otherwise if rough is None else problem(rough) or otherwise)
    if molecule.GetNumAtoms() == 0:
        raise Unrepresentable("no atoms")
    return molecule
