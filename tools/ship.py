"""Put the averaged weights of a training into a preset, with the sampler that the preset's config names.

python tools/ship.py graphs/qm9 RUN
"""

from __future__ import annotations

import sys
from pathlib import Path

from geodrift import checkpoint
from geodrift.checkpoint import Manifest
from geodrift.model import located, preset, settings

MOST = 8 * 2**20  # bytes of one file


def ship(name: str, run: Path) -> Path:
    """Write `manifest.json` and `model.safetensors` beside the preset's `config.toml`."""
    source = located(run)
    config = {**source.manifest.config, "sample": settings(name).sample.model_dump()}
    manifest = Manifest.model_validate({**source.manifest.model_dump(), "config": config, "metrics": {}})
    folder = preset(name)[1]
    written = checkpoint.write(
        folder.with_name(f"{folder.name}.new"), manifest, {"model": source.tensors(source.manifest.averaged)}
    )
    for path in written.folder.iterdir():
        assert path.stat().st_size <= MOST, f"{path.name} is larger than 8 MB"
        path.replace(folder / path.name)
    written.folder.rmdir()
    return folder


if __name__ == "__main__":
    print(ship(sys.argv[1], Path(sys.argv[2])))
