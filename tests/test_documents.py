"""What the documents tell a user to type: Python runs, and commands have the options that are named."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from geodrift.cli.app import app
from geodrift.registry import ROLES

ROOT = Path(__file__).resolve().parent.parent
FILES = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
PAGES = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in FILES}
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def fenced(language: str) -> list[tuple[str, str]]:
    """The code blocks of a language, with the page that each is on."""
    pattern = re.compile(rf"^```{language}\n(.*?)^```", re.DOTALL | re.MULTILINE)
    return [(page, code) for page, text in PAGES.items() for code in pattern.findall(text)]


def lines() -> list[str]:
    """The geodrift commands of all pages; a backslash at the end of a line continues it."""
    typed = "\n".join(code.replace("\\\n", " ") for _, code in fenced("console"))
    parts = [part.strip() for line in re.findall(r"^\$ (.*)$", typed, re.MULTILINE) for part in line.split("&&")]
    return sorted({part for part in parts if part.startswith("geodrift ")})


@pytest.mark.parametrize(("page", "code"), fenced("python"))
def test_python_runs(page: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for role in ROLES.values():
        monkeypatch.setattr(role, "_parts", dict(role._parts))
    exec(compile(code, page, "exec", dont_inherit=True), {"__name__": page})


@pytest.mark.parametrize("line", lines())
def test_commands_have_their_options(line: str) -> None:
    _, verb, *words = shlex.split(line, comments=True)
    known = {name for parameter in COMMANDS[verb].params for name in parameter.opts}
    assert {word.partition("=")[0] for word in words if word.startswith("-")} <= known


def test_there_is_something_to_try() -> None:
    assert len(lines()) > 5
    assert len(fenced("python")) >= 2
