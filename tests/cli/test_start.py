"""Starting: fast, in either way, and helpful when the command is not one."""

import resource
import subprocess
import sys

import geodrift
from geodrift.testing.command import command

VERBS = ("domains", "generate", "train", "evaluate", "report", "info", "check", "new-domain")


def started(*arguments: str) -> tuple[subprocess.CompletedProcess[str], float]:
    """A process, and the CPU seconds that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-m", "geodrift", *arguments], capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_help_takes_half_a_second() -> None:
    runs = [started("--help") for _ in range(3)]
    assert min(seconds for _, seconds in runs) < 0.5
    assert all(verb in runs[0][0].stdout for verb in VERBS)


def test_help_does_not_import_torch() -> None:
    script = "import sys; from geodrift.cli import main; main(['train', '--help']); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=False).returncode == 0


def test_nothing_asked_prints_the_help() -> None:
    result = command()
    assert (result.code, result.errors) == (0, "")
    assert "generate" in result.output


def test_version() -> None:
    assert command("--version").output.strip() == geodrift.__version__


def test_unknown_command_names_the_nearest() -> None:
    result = command("genrate")
    assert result.code == 2
    assert result.message == "geodrift: No such command 'genrate'. Did you mean 'generate'?"


def test_unknown_option_names_the_nearest() -> None:
    result = command("generate", "graphs", "--otu", "x")
    assert result.code == 2
    assert result.message.startswith("geodrift: No such option: --otu")
    assert "--out" in result.message
