"""The command line, run in this process."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geodrift.claim import LOCK
from geodrift.cli import main


@dataclass(frozen=True)
class Result:
    """What a command did.

    Arguments:
        code: Its exit code.
        output: What it printed.
        errors: What it printed on the error stream.
    """

    code: int
    output: str
    errors: str

    @property
    def document(self) -> Any:
        """The JSON document that it printed."""
        return json.loads(self.output)

    @property
    def message(self) -> str:
        """The last line on the error stream."""
        return self.errors.strip().rpartition("\n")[2]


def command(*arguments: object) -> Result:
    """Run `geodrift` with these arguments."""
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        code = main([str(argument) for argument in arguments])
    return Result(code, output.getvalue(), errors.getvalue())


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """A stretch in which another process writes in a folder."""
    script = "import pathlib, sys, geodrift.claim\nwith geodrift.claim.claimed(pathlib.Path(sys.argv[1])): input()"
    with subprocess.Popen([sys.executable, "-c", script, str(folder)], stdin=subprocess.PIPE) as process:
        while not (folder / LOCK).exists():
            time.sleep(0.01)
        yield
        process.communicate(b"\n")
