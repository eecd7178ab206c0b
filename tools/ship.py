"""Put the averaged weights of a training into a preset, with the sampler that the preset's config names.

python tools/ship.py graphs/qm9 RUN
python tools/ship.py mri3d/ixi-2mm RUN --half
"""

from __future__ import annotations

import sys
from pathlib import Path

from geodrift import checkpoint
from geodrift.checkpoint import Manifest
from geodrift.presets import located, preset, settings

MOST = 16 * 2**20  # bytes of one file; most are below half of that


def ship(name: str, run: Path, half: bool = False) -> Path:
    """Write `manifest.json` and `model.safetensors`, perhaps in half precision, beside the preset's `config.toml`."""
    source = located(run)
    config = {**source.manifest.config, "sample": settings(name).sample.model_dump()}
    manifest = Manifest.model_validate({**source.manifest.model_dump(), "config": config, "metrics": {}})
    folder = preset(name)[1]
    weights = source.tensors(source.manifest.averaged)
    stored = {key: value.half() if half and value.is_floating_point() else value for key, value in weights.items()}
    written = checkpoint.write(folder.with_name(f"{folder.name}.new"), manifest, {"model": stored})
    for path in written.folder.iterdir():
        assert path.stat().st_size <= MOST, f"{path.name} is larger than 16 MB"
        path.replace(folder / path.name)
    written.folder.rmdir()
    return folder


if __name__ == "__main__":
    print(ship(sys.argv[1], Path(sys.argv[2]), "--half" in sys.argv))
