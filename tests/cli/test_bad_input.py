"""Bad input: one line that says what is wrong and what to do, exit code 2, and nothing is written."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from geodrift.testing.command import Result, command

STEP = "checkpoints/step-00000012"


def refused(result: Result) -> str:
    """The one line of a command that was refused."""
    assert (result.code, result.output) == (2, "")
    assert result.errors.count("\n") == 1, result.errors
    assert result.errors.startswith("geodrift: ")
    return result.errors.removeprefix("geodrift: ").rstrip("\n")


@pytest.fixture
def copy(trained: Path, tmp_path: Path) -> Path:
    """A copy of the training that may be damaged."""
    return shutil.copytree(trained, tmp_path / "copy")


def change(folder: Path, **values: object) -> None:
    path = folder / STEP / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


DATA = {
    "bad.smi": ("C1CC\nnonsense\n", "none of 2 records can be read; the first: 1: C1CC: SMILES does not parse"),
    "empty.smi": ("", "the file is empty"),
    "other.csv": ("name,smile\nmethane,C\n", 'no column "smiles" (did you mean "smile"?); available: name, smile'),
    "data.xyz": ("1\n\nC 0 0 0\n", "unknown format; what can be read ends in .smi, .csv, .sdf"),
}


@pytest.mark.parametrize("name", DATA)
def test_data_that_cannot_be_used(tmp_path: Path, config: Path, name: str) -> None:
    text, reason = DATA[name]
    path = tmp_path / name
    path.write_text(text)
    line = refused(command("train", "graphs", "--preset", config, "--data", path, "--out", tmp_path / "run"))
    assert line.startswith(f"{path}: {reason}")
    assert not (tmp_path / "run").exists()


def test_data_that_is_not_there(tmp_path: Path, molecules: Path, config: Path) -> None:
    path = molecules.with_name("molecule.smi")
    line = refused(command("train", "graphs", "--preset", config, "--data", path, "--out", tmp_path / "run"))
    assert line == f"{path}: no such file; did you mean molecules.smi?"


OPTIONS = {
    "train.lrr=1": '--set: no key in [train] "lrr" (did you mean "lr"?)',
    "trian.lr=1": '--set: no key "trian" (did you mean "train"?)',
    "train.steps=many": "--set: train.steps: input should be a valid integer",
    "train.steps": '--set train.steps: write key=value, for example "train.lr=1e-4"',
    "data.max_node=4": 'no key in data molecules "max_node" (did you mean "max_nodes"?)',
    "data.max_nodes=x": "data.max_nodes: input should be a valid integer",
    "data.conditions=logp": "data.conditions: 'str' instances are not allowed",
    "data.where=5": "{data}: where: a table of columns and values, not 5",
    "process.kind=5": 'no process "5"',
    "network.heads=0": "network.heads: input should be greater than 0",
    "network.hidden=-16": "network.hidden: input should be greater than 0",
    "objective.condition_dropout=3": "objective.condition_dropout: input should be less than or equal to 1",
    "sample.solver=huen": 'no solver "huen" (did you mean "heun"?)',
    "sample.grid=powr": 'no grid "powr" (did you mean "power"?)',
    "process.kind=discrete-flw": 'no process "discrete-flw" (did you mean "discrete-flow"?)',
    "process.sorce=masked": 'no key in process discrete-flow "sorce" (did you mean "source"?)',
    "network.hiden=8": 'no key in network graph-transformer "hiden" (did you mean "hidden"?)',
}


@pytest.mark.parametrize("setting", OPTIONS)
def test_unknown_keys_name_the_nearest(tmp_path: Path, molecules: Path, config: Path, setting: str) -> None:
    ask = ("--preset", config, "--data", molecules, "--out", tmp_path / "run", "--set", setting)
    assert refused(command("train", "graphs", *ask)).startswith(OPTIONS[setting].replace("{data}", str(molecules)))
    assert not (tmp_path / "run").exists()


def test_unknown_keys_of_a_file_name_the_nearest(tmp_path: Path, molecules: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[train]\nbatchsize = 3\n")
    line = refused(command("train", "graphs", "--preset", path, "--data", molecules, "--out", tmp_path / "run"))
    assert line.startswith(f'{path}: no key in [train] "batchsize" (did you mean "batch_size"?)')


ASKED = {
    ("--solver", "huen"): 'no solver "huen" (did you mean "heun"?); available: ab-2, ab-3',
    ("--set", "sample.solver.etta=1"): 'no key in solver reveal "etta"',
    ("--set", "sample.grid=powr"): 'no grid "powr" (did you mean "power"?)',
    ("--set", "sample.step=4"): '--set: no key in [sample] "step" (did you mean "steps"?)',
    ("--condition", "atom=4"): 'no condition "atom" (did you mean "atoms"?); available: atoms',
    ("--condition", "atoms=four"): "condition atoms=four: not a number",
    ("--condition", "atoms=0"): "condition atoms=0: a whole number from 1 to 5",
    ("--condition", "atoms=2.5"): "condition atoms=2.5: a whole number from 1 to 5",
    ("--condition", "atoms=50"): "condition atoms=50: a whole number from 1 to 5",
    ("--condition", "atoms=nan"): "condition atoms=nan: not a number",
    ("--format", "ase"): 'no format "ase"; available: none',
    ("--guidance", "3"): "--guidance 3: needs a property to follow; ask for one with --condition",
    ("--set", "train.lr=5"): "--set train.lr=5: belongs to the trained model; only sample.… may change",
    ("--set", "sample.solver={kind = 'ancestral', eta = 2.0}"): "solver.eta: input should be less than or equal to 1",
    ("--device", "cdua"): 'no device "cdua" (did you mean "cuda"?)',
    ("--preset", "qm9"): "--preset and --checkpoint: give one of them",
    ("-n", "0"): "Invalid value for '-n'",
}


@pytest.mark.parametrize("asked", ASKED, ids=" ".join)
def test_requests_that_cannot_be_met(tmp_path: Path, trained: Path, asked: tuple[str, str]) -> None:
    out = tmp_path / "out"
    line = refused(command("generate", "graphs", "--checkpoint", trained, "--out", out, *asked))
    assert line.startswith(ASKED[asked])
    assert not out.exists()


def test_guidance_by_sizes_alone(tmp_path: Path, trained: Path, molecules: Path) -> None:
    """The size of a graph holds exactly: there is no property in it for guidance to follow."""
    ask = ("--checkpoint", trained, "--out", tmp_path / "out", "--guidance", "3", "--like", molecules)
    line = refused(command("generate", "graphs", *ask))
    assert line == "--guidance 3: needs a property to follow; ask for one with --condition"


def test_a_condition_given_twice(tmp_path: Path, trained: Path) -> None:
    asked = ("--condition", "atoms=3", "--condition", "atoms=4")
    line = refused(command("generate", "graphs", "--checkpoint", trained, "--out", tmp_path / "out", *asked))
    assert line == "--condition atoms=4: atoms is given twice"


def test_a_field_to_weigh_that_is_not_there(tmp_path: Path, molecules: Path, config: Path) -> None:
    weights = ("--set", "objective.weights={nods = 5.0}")
    result = command("train", "graphs", "--preset", config, "--data", molecules, "--out", tmp_path / "run", *weights)
    assert result.code == 2
    assert result.message.startswith('geodrift: no field to weigh "nods" (did you mean "nodes"?)')


def test_a_defect_is_one_line_and_not_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("geodrift.plugins.entries", broken)
    result = command("domains")
    assert result.code == 1
    assert result.message.startswith("geodrift: ZeroDivisionError: division by zero (test_bad_input.py:")
    assert result.errors.count("\n") == 1
    monkeypatch.setenv("GEODRIFT_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        command("domains")


def test_samples_are_not_a_checkpoint(tmp_path: Path, trained: Path) -> None:
    assert command("generate", "graphs", "--checkpoint", trained, "-n", 2, "--out", tmp_path / "out").code == 0
    assert refused(command("info", tmp_path / "out")).endswith("generated samples, not a checkpoint")


def test_rows_of_a_file_that_is_not_given(tmp_path: Path, molecules: Path) -> None:
    assert refused(command("evaluate", "graphs", molecules, "--where", "a=b")).startswith("--where: selects rows of")


def test_unknown_presets_and_domains_name_the_nearest(tmp_path: Path) -> None:
    ask = ("--out", tmp_path / "out")
    assert refused(command("generate", "graphs", "--preset", "qm99", *ask)).startswith(
        'no preset for graphs "qm99" (did you mean "qm9"?); available: '
    )
    assert refused(command("generate", "graph", "--checkpoint", tmp_path, *ask)).startswith('no domain "graph"')
    assert refused(command("generate", "graph", *ask)).startswith('no domain "graph" (did you mean "graphs"?)')
    assert refused(command("generate", "graphs", "--preset", "crystals/qm9", *ask)).startswith(
        'preset "crystals/qm9" belongs to crystals, not to graphs'
    )


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("damage", [cut, flip])
@pytest.mark.parametrize("verb", ["generate", "info"])
def test_damaged_weights_are_refused(tmp_path: Path, copy: Path, damage: Callable[[Path], None], verb: str) -> None:
    path = copy / STEP / "ema.safetensors"
    damage(path)
    ask = ("graphs", "--checkpoint", copy, "--out", tmp_path / "out") if verb == "generate" else (copy,)
    reason = "does not match its SHA-256 in manifest.json; the file is damaged or was changed"
    assert refused(command(verb, *ask)) == f"{path}: {reason}"
    assert not (tmp_path / "out").exists()


MANIFESTS = {
    "domain": ("crystals", "{folder}: a checkpoint of crystals, not of graphs"),
    "format": (99, "{folder}/manifest.json: format 99 is newer than this geodrift reads (1); upgrade geodrift"),
    "step": ("many", "{folder}/manifest.json: step: input should be a valid integer"),
    "codec": ({"kind": "graphs"}, "codec.max_nodes: Field required; the checkpoint is damaged"),
}


@pytest.mark.parametrize("key", MANIFESTS)
def test_checkpoints_that_do_not_fit_are_refused(tmp_path: Path, copy: Path, key: str) -> None:
    value, line = MANIFESTS[key]
    change(copy, **{key: value})
    result = command("generate", "graphs", "--checkpoint", copy, "--out", tmp_path / "out")
    assert refused(result).startswith(line.format(folder=copy / STEP))


def test_a_manifest_that_is_not_json_is_refused(tmp_path: Path, copy: Path) -> None:
    cut(copy / STEP / "manifest.json")
    line = refused(command("generate", "graphs", "--checkpoint", copy, "--out", tmp_path / "out"))
    assert line == f"{copy / STEP / 'manifest.json'}: not a JSON file; the checkpoint is damaged"


def test_weights_of_another_network_are_refused(tmp_path: Path, copy: Path) -> None:
    config = json.loads((copy / STEP / "manifest.json").read_text())["config"]
    change(copy, config={**config, "network": {**config["network"], "hidden": 32}})
    line = refused(command("generate", "graphs", "--checkpoint", copy, "--out", tmp_path / "out"))
    assert "the weights do not fit the network of the config" in line


def test_folders_without_what_is_asked_for(tmp_path: Path) -> None:
    ask = ("--checkpoint", tmp_path, "--out", tmp_path / "out")
    assert refused(command("generate", "graphs", *ask)) == f"{tmp_path}: no checkpoint here (no manifest.json)"
    missing = tmp_path / "missing"
    ask = ("--checkpoint", missing, "--out", tmp_path / "out")
    assert refused(command("generate", "graphs", *ask)) == f"{missing}: no such folder"
    assert refused(command("report", tmp_path)) == f"{tmp_path}: no generated samples here (no manifest.json)"
    assert refused(command("evaluate", "graphs", missing)) == f"{missing}: no such file"
    assert refused(command("info", "qm9")) == 'preset "qm9": write it as DOMAIN/qm9, for example graphs/qm9'


def test_an_output_that_cannot_be_written(tmp_path: Path, trained: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    ask = ("generate", "graphs", "--checkpoint", trained, "-n", 1)
    assert refused(command(*ask, "--out", file)) == f"{file}: is a file; choose a folder with --out"
    assert refused(command(*ask, "--out", file / "below")) == f"{file / 'below'}: cannot be written: Not a directory"
    assert file.read_text() == "mine"
