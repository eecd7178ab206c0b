r"""Finished batches of a run, kept until its samples are written: a stopped run goes on, several processes share one.

A batch is a file with the tensors of its final state and what it cost, under the numbers of its samples; it is renamed
when it is whole. Beside them stands what was asked for, and only the same run goes on. As sample `i` depends on the
seed and on `i` alone, the samples are those of a run that was never stopped, whoever drew them.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic_core import from_json
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from geodrift.errors import InputError
from geodrift.state import State

FOLDER = ".drawn"
_REQUEST = "request.json"


@dataclass(frozen=True)
class Cost:
    """What drawing took.

    Arguments:
        calls: Of the network.
        seconds: Passed.
        cpu_seconds: Of all cores together.
    """

    calls: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.calls + other.calls, self.seconds + other.seconds, self.cpu_seconds + other.cpu_seconds)


class Drawn:
    """The finished batches of the run in a folder."""

    def __init__(self, run: Path) -> None:
        self.folder = run / FOLDER

    def begin(self, request: Mapping[str, Any]) -> None:
        """Begin the run that is asked for, or go on with it.

        Raises:
            InputError: When another one was begun here.
        """
        path = self.folder / _REQUEST
        asked = json.loads(json.dumps(request))
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            return _replace(path, json.dumps(asked).encode())
        known = self._request()
        for key in sorted(asked.keys() | known.keys()):
            if asked.get(key) != known.get(key):
                raise InputError(f"{path}: began with another {key}; resume with the same, or begin with --overwrite")

    def begun(self, *keys: str) -> Any:
        """What the run that was begun here has under these keys, if one was."""
        found: Any = self._request()
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        return found

    def _request(self) -> dict[str, Any]:
        try:
            found = from_json((self.folder / _REQUEST).read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def get(self, numbers: range) -> tuple[dict[str, Tensor], Cost] | None:
        """The fields of a batch and what they cost, if it is finished.

        Raises:
            InputError: When the file is damaged.
        """
        path = self._path(numbers)
        if not path.exists():
            return None
        try:
            with safe_open(path, "pt") as file:
                cost = Cost(**json.loads(file.metadata()["cost"]))
                return {name: file.get_tensor(name) for name in file.keys()}, cost  # noqa: SIM118 - no mapping
        except (SafetensorError, ValueError, KeyError, TypeError):
            raise InputError(f"{path}: damaged; remove it, and it will be drawn again") from None

    def put(self, numbers: range, state: State, cost: Cost) -> None:
        """Keep a batch."""
        fields = {name: z.detach().cpu().contiguous() for name, z in state.items()}
        _replace(self._path(numbers), save(fields, {"cost": json.dumps(asdict(cost))}))

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, numbers: range) -> Path:
        return self.folder / f"{numbers.start:08d}-{numbers.stop:08d}.safetensors"


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)
