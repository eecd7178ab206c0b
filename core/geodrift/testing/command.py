"""The command line, run in this process."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from typing import Any

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
