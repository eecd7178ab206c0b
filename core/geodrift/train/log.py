"""The record of a training: lines of JSON, and TensorBoard events for who wants them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from geodrift.errors import InputError


class Log:
    """Appends one JSON object a record to `log.jsonl`.

    Arguments:
        folder: Where the log is.
        start: Records of this step and later ones are dropped: they will be made again.
        tensorboard: Also write events to `folder/tensorboard`.
    """

    def __init__(self, folder: Path, start: int = 0, tensorboard: bool = False) -> None:
        self._events: Any = _events(folder / "tensorboard") if tensorboard else None
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "log.jsonl"
        kept = [line for line in self._lines() if json.loads(line)["step"] <= start]
        part = self._path.with_suffix(".part")  # a full disk must not cost the log
        part.write_text("".join(kept), encoding="utf-8")
        part.replace(self._path)

    def _lines(self) -> list[str]:
        if not self._path.exists():
            return []
        lines = self._path.read_text(encoding="utf-8").splitlines(keepends=True)
        return [line for line in lines if line.endswith("}\n")]

    def write(self, step: int, values: dict[str, float]) -> None:
        """Record numbers of this step."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")
        for name, value in values.items() if self._events is not None else ():
            self._events.add_scalar(name, value, step)


def _events(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise InputError('train.tensorboard: pip install "geodrift[tensorboard]"') from error
    return SummaryWriter(str(folder))
