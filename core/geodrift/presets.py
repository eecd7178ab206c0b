r"""Models by name: the presets of the domains, checkpoints and trainings in folders, configs in files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from geodrift import config as configs
from geodrift.checkpoint import Checkpoint, latest
from geodrift.config import Config
from geodrift.domain import Domain
from geodrift.errors import InputError, unknown
from geodrift.model import Model
from geodrift.plugins import domain as find
from geodrift.plugins import entries

_SHOWN = 200  # characters of an error of torch


def preset(name: str, domain: str | None = None) -> tuple[Domain, Path]:
    """The domain and the folder of a preset, named "domain/preset", or "preset" where the domain is known."""
    owner, separator, short = name.rpartition("/")
    if name.startswith((".", "/")) or (Path(name).exists() and not _ships(owner or domain, short)):
        raise InputError(f"{name}: neither a preset nor a TOML file (ending in .toml), nor the folder of a checkpoint")
    if not separator and domain is None:
        raise InputError(f'preset "{name}": write it as DOMAIN/{name}, for example graphs/{name}')
    if separator and domain is not None and owner != domain:
        raise InputError(f'preset "{name}" belongs to {owner}, not to {domain}')
    found = find(owner or str(domain))
    folders = found.presets()
    if short not in folders:
        raise unknown(f"preset for {found.name}", short, folders)
    return found, folders[short]


def _ships(domain: str | None, preset: str) -> bool:
    return domain in entries() and preset in find(domain).presets()


def settings(name: str, domain: str | None = None, changes: Sequence[str] = ()) -> Config:
    """The resolved config of a preset, or of a TOML file, with changes."""
    found = None if name.endswith(".toml") else preset(name, domain)
    path = Path(name) if found is None else found[1] / "config.toml"
    table = configs.parse(path)
    parent = table.pop("extends", None)
    if not isinstance(parent, str | None):
        raise InputError(f"{path}: extends: the name of a preset, not {parent!r}")
    if parent is not None:
        table = configs.merge(configs.parse(preset(parent, domain)[1] / "config.toml"), table)
    config = configs.resolve({"domain": found[0].name if found else domain, **table}, str(path))
    if domain is not None and config.domain != domain:
        raise InputError(f"{path}: a config of {config.domain}, not of {domain}")
    return configs.changed(config, changes)


def restore(checkpoint: Checkpoint, weights: str, changes: Sequence[str] = ()) -> Model:
    """The model of a checkpoint, with the weights in this file of it and changes of its config."""
    manifest = checkpoint.manifest
    config = configs.changed(configs.resolve(manifest.config, f"{checkpoint.folder}/manifest.json"), changes)
    built = Model.build(config, find(manifest.domain).codec(manifest.codec), manifest)
    try:
        built.denoiser.load_state_dict(checkpoint.tensors(weights))
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip()[:_SHOWN]
        raise InputError(f"{checkpoint.folder}: the weights do not fit the network of the config: {first}") from None
    return built


def load(name: str | Path, domain: str | None = None) -> Model:
    """A trained model: a preset ("crystals/perov-csp"), a checkpoint folder, or the folder of a training.

    Raises:
        InputError: When there is nothing of this name, or it belongs to another domain, or it is damaged.
    """
    return opened(located(name, domain), domain)


def opened(checkpoint: Checkpoint, domain: str | None = None, changes: Sequence[str] = ()) -> Model:
    """The model of a checkpoint for sampling, of this domain, with changes of its config."""
    if domain is not None and checkpoint.manifest.domain != domain:
        raise InputError(f"{checkpoint.folder}: a checkpoint of {checkpoint.manifest.domain}, not of {domain}")
    return restore(checkpoint, checkpoint.manifest.averaged, changes)


def located(name: str | Path, domain: str | None = None) -> Checkpoint:
    """The checkpoint in a folder, the newest of a training's folder, or the one of a preset."""
    folder = Path(name)
    if folder.is_dir():
        return Checkpoint.open(latest(folder / "checkpoints") or folder)
    if isinstance(name, Path):
        raise InputError(f"{folder}: {'a file, not a checkpoint' if folder.exists() else 'no such folder'}")
    return shipped(name, domain)


def shipped(name: str, domain: str | None = None) -> Checkpoint:
    """The checkpoint that a preset ships."""
    folder = preset(name, domain)[1]
    if not has_weights(folder):
        raise InputError(f'preset "{name}" has no weights; train it: geodrift train … --preset {name}')
    return Checkpoint.open(folder)


def has_weights(preset: Path) -> bool:
    """Whether the folder of a preset is a checkpoint."""
    return (preset / "manifest.json").is_file()
