"""Builds the control plane's binary, once per user and version: `python -m tests.controlplane build`.

Resumable: Go's caches lie in our own cache folder until the binary is there, so an interrupted build goes on.
Only one builder works at a time. Looking for finished binaries is binaries.py's work.
"""

import contextlib
import fcntl
import os
import queue
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tests.controlplane import binaries, processes, toolchain
from tests.controlplane.say import say

PROGRESS_INTERVAL_S = 4.0
NEEDED_DISK_BYTES = 5 * 1024**3
TAIL_LINES = 15
STAMP = "k8s.io/component-base/version."


class BuildError(Exception):
    """The binary could not be built; the message says why in one sentence, with Go's last words."""


def build() -> Path:
    """The path of the finished binary, built now if it is not there yet. Raises BuildError."""
    root = binaries.cache_root()
    root.mkdir(parents=True, exist_ok=True)
    with _only_builder(root):
        binary = binaries.binary_path(root)
        if not binary.is_file():
            try:
                _compile(root, binary)
            except BuildError as error:
                binaries.failure_note(root).write_text(f"{error}\n")
                raise
        binaries.failure_note(root).unlink(missing_ok=True)
        shutil.rmtree(_workshop(root), ignore_errors=True)
    return binary


def _workshop(root: Path) -> Path:
    return root / "build"


@contextlib.contextmanager
def _only_builder(root: Path) -> Iterator[None]:
    """Hold the one builder's lock; the kernel lets it go when this process dies, however it dies."""
    with (root / "build.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another process is building the test control plane: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _compile(root: Path, binary: Path) -> None:
    workshop = _workshop(root)
    free = shutil.disk_usage(root).free
    if free < NEEDED_DISK_BYTES and not workshop.exists():
        raise BuildError(f"building needs 5 GB of disk for a while, {root} has {free / 1024**3:.1f} GB left")
    workshop.mkdir(parents=True, exist_ok=True)
    try:
        go = toolchain.find_go(workshop / "toolchain")
    except toolchain.ToolchainError as error:
        raise BuildError(str(error)) from error
    say(
        f"building the test control plane (Kubernetes {binaries.KUBERNETES_VERSION}): about 10 minutes on 2 cores, once"
    )
    unfinished = workshop / "controlplane"
    started_at = time.monotonic()
    _run_go(_command(go, unfinished), _environment(workshop))
    binary.parent.mkdir(parents=True, exist_ok=True)
    unfinished.replace(binary)  # atomic: whoever sees the binary sees all of it
    say(f"built in {_clock(time.monotonic() - started_at)}: {binary}")


def _command(go: Path, output: Path) -> list[str]:
    version = binaries.KUBERNETES_VERSION
    major, minor, _ = version.removeprefix("v").split(".")
    # Without the stamps the server says v0.0.0-master, and charts' kubeVersion checks misfire.
    stamps = f"-X {STAMP}gitVersion={version} -X {STAMP}gitMajor={major} -X {STAMP}gitMinor={minor}"
    flags = ["-v", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", f"-s -w {stamps}"]
    return [str(go), "build", *flags, "-o", str(output), "."]


def _environment(workshop: Path) -> dict[str, str]:
    return {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOCACHE": str(workshop / "gocache"),
        "GOMODCACHE": str(workshop / "gomod"),
        "GOFLAGS": "-modcacherw",  # a read-only module cache could not be deleted afterwards
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }


def _run_go(command: list[str], environment: dict[str, str]) -> None:
    """Run the build and show how it goes. Its whole process group ends with us, its finished packages stay cached."""
    go = subprocess.Popen(
        processes.bound_to_parent(command),
        cwd=binaries.HERE,
        env=environment,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert go.stderr is not None
    try:
        tail = _show_progress(go.stderr)
        code = go.wait()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(go.pid, signal.SIGKILL)
        go.wait()
        go.stderr.close()
    if code != 0:
        raise BuildError(f"`go build` ended with exit code {code}:\n  " + "\n  ".join(tail))


def _show_progress(output: IO[str]) -> list[str]:
    """Condense `go build -v` to a line every few seconds until it ends; returns its last lines."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_pump, args=(output, lines), daemon=True).start()
    started_at = shown_at = time.monotonic()
    counts = {"downloaded": 0, "compiled": 0}
    tail: list[str] = []
    latest = "looking at what there is already"
    while True:
        with contextlib.suppress(queue.Empty):
            line = lines.get(timeout=0.5)
            if not line:
                return tail
            latest = line.strip()
            tail = [*tail[1 - TAIL_LINES :], latest]
            counts["downloaded" if latest.startswith("go: downloading") else "compiled"] += 1
        if time.monotonic() - shown_at >= PROGRESS_INTERVAL_S:
            shown_at = time.monotonic()
            say(f"  {_clock(shown_at - started_at)}  {_figures(counts)}  {latest.removeprefix('go: ')[:70]}")


def _pump(output: IO[str], lines: "queue.SimpleQueue[str]") -> None:
    for line in output:
        lines.put(line)
    lines.put("")  # the end


def _figures(counts: dict[str, int]) -> str:
    if not counts["compiled"]:
        return f"{counts['downloaded']} modules downloaded"
    return f"{counts['compiled']} packages compiled (2,500 in all)"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
