"""Files that cannot be read: one line that names the file, what is wrong and what to do."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from geodrift.errors import InputError
from geodrift_graphs.files import read


def saved(path: Path, content: str | bytes) -> Path:
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


WRONG = {
    "missing.smi": (None, {}, "no such file"),
    "empty.smi": ("", {}, "file is empty"),
    "blank.csv": ("\n \n", {}, "file is empty"),
    "bad.smi": ("C1\nnonsense\n", {}, "none of 2 records can be read; the first: 1: C1: SMILES does not parse"),
    "comments.smi": ("# only\n", {}, "no records"),
    "header.csv": ("smiles\n", {}, "no records"),
    "quote.csv": ('"smiles\n', {}, "line 1: unexpected end of data"),
    "where.smi": ("C\n", 5, "where: a table of columns and values, not 5"),
    "column.csv": ("smile,id\nC,1\n", {}, r'no column "smiles" \(did you mean "smile"\?\); available: id, smile'),
    "format.txt": ("C\n", {}, "unknown format"),
    "where.csv": ("smiles,test\nC,1\n", {"tets": "0"}, r'no column "tets" \(did you mean "test"\?\)'),
    "value.csv": ("smiles,test\nC,1\n", {"test": "0"}, "where.test=0 matches no record; values there: 1"),
    "rows.smi": ("C\n", {"rows": "first"}, '"first" is not a range'),
    "binary.smi": (b"C\n\xff\xfe\x00", {}, "not a text file"),
    "plain.csv.gz": (b"", {}, "empty"),
    "a.npz": ("hello", {}, "not an npz file"),
    "a.graphml": ("<graphml", {}, "not GraphML"),
    "a.sdf": ("nothing\n", {}, "no records"),
}


@pytest.mark.parametrize("name", WRONG)
def test_bad_files_are_one_clear_line(tmp_path: Path, name: str) -> None:
    content, where, message = WRONG[name]
    path = tmp_path / name if content is None else saved(tmp_path / name, content)
    with pytest.raises(InputError, match=message) as caught:
        read(path, where)
    assert "\n" not in str(caught.value)
    assert name in str(caught.value) or "rows" in str(caught.value)


def test_a_truncated_gzip_is_an_input_error(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.csv.gz", "smiles\n" + "C\n" * 1000)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(InputError, match="cannot be read"):
        read(path)


def test_a_missing_file_names_its_neighbour(tmp_path: Path) -> None:
    saved(tmp_path / "molecules.smi", "C")
    with pytest.raises(InputError, match=r"did you mean molecules\.smi"):
        read(tmp_path / "molecule.smi")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"edges": [[0, 1]]}, "no array n_nodes, edge_offset; it has edges"),
        ({"n_nodes": [2], "edges": [[0, 1]], "edge_offset": [0, 2]}, "do not fit 1 graphs"),
        ({"n_nodes": [2], "edges": [[0, 1]], "edge_offset": 1}, "do not fit 1 graphs"),
        ({"n_nodes": [2], "edges": [[0, 1]], "edge_offset": [[0, 1]]}, "do not fit 1 graphs"),
        ({"n_nodes": np.zeros(0, int), "edges": np.zeros((0, 2), int), "edge_offset": [0]}, "there are no graphs"),
        ({"n_nodes": [-3], "edges": np.zeros((0, 2), int), "edge_offset": [0, 0]}, "-3 nodes; from 1 to 2048"),
        ({"n_nodes": [10**9], "edges": np.zeros((0, 2), int), "edge_offset": [0, 0]}, "1000000000 nodes; from 1"),
        ({"n_nodes": [2.0], "edges": [[0, 1]], "edge_offset": [0, 1]}, "whole numbers"),
        ({"n_nodes": np.array([{}]), "edges": [[0, 1]], "edge_offset": [0, 1]}, "not an npz file of numbers"),
    ],
)
def test_damaged_edge_lists_are_input_errors(tmp_path: Path, arrays: dict[str, object], message: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError, match=message):
        read(tmp_path / "a.npz")


def test_an_empty_folder_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file that can be read"):
        read(tmp_path)
