"""`pilothouse run`: an embedded Valkey, the receiver and one worker as children of one process.

Nothing is restarted silently: when a child dies, all end, and so does this. A supervisor may start it again as a whole.
"""

import asyncio
import fcntl
import os
import signal
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

GRACE_S = 30.0
"""For the receiver and the worker to end; the worker lets its runs go within 20 s."""
READY_S = 70.0


class CannotStart(Exception):
    """One sentence why."""


def run(data_dir: Path | None, kubeconfig: str | None) -> int:
    """Run until SIGTERM or SIGINT. Exit codes: 0 stopped, 1 a child died, 2 it could not start."""
    folder = data_dir or _cache_folder(os.environ)
    try:
        with _locked(folder / "valkey"), tempfile.TemporaryDirectory(prefix="pilothouse-") as sockets:
            # Socket paths have 107 bytes at most, so it does not lie in the data folder.
            socket = Path(sockets) / "valkey"
            return asyncio.run(_run(folder, socket, _environment(os.environ, folder, socket, kubeconfig)))
    except CannotStart as error:
        _say(str(error))
        return 2


def _environment(given: Mapping[str, str], folder: Path, socket: Path, kubeconfig: str | None) -> dict[str, str]:
    """The children's environment: ours, with the embedded queue and the cluster to serve."""
    found = {**given, "PILOTHOUSE_DATA_DIR": str(folder), "PILOTHOUSE_REDIS_URL": f"unix://{socket}"}
    usual = Path(given.get("HOME", "/nonexistent")) / ".kube" / "config"
    if kubeconfig:
        found["KUBECONFIG"] = kubeconfig
    elif usual.is_file() and "KUBERNETES_SERVICE_HOST" not in given:
        found["KUBECONFIG"] = str(usual)
    return found


async def _run(folder: Path, socket: Path, environment: Mapping[str, str]) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    valkey = await _start("deploy.cli.embedded_valkey", str(folder / "valkey"), str(socket), environment=environment)
    children = {"Valkey": valkey}
    try:
        await _ready(valkey)
        for name, module in (("the receiver", "receiver"), ("the worker", "jobs")):
            children[name] = await _start(module, environment=environment)
        _say("running; Ctrl-C ends it")
        died = await _first_to_die(children, stop)
    finally:
        await _end([child for name, child in children.items() if name != "Valkey"])
        await _end([valkey])  # last: the others still write what they remember
    if died:
        _say(f"{died} died with exit code {children[died].returncode}; everything was stopped")
    return 1 if died else 0


async def _start(module: str, *arguments: str, environment: Mapping[str, str]) -> Process:
    """`python -m` in a session of its own, so that Ctrl-C reaches only us, and the order of the end is ours."""
    watched = module == "deploy.cli.embedded_valkey"
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", module, *arguments),
        env=dict(environment),
        stdin=PIPE if watched else DEVNULL,
        stdout=PIPE if watched else None,
        start_new_session=True,
    )


async def _ready(valkey: Process) -> None:
    assert valkey.stdout
    try:
        async with asyncio.timeout(READY_S):
            said = await valkey.stdout.readline()
    except TimeoutError:
        said = b""
    if said.strip() != b"ready":
        raise CannotStart("the embedded Valkey did not start")


async def _first_to_die(children: Mapping[str, Process], stop: asyncio.Event) -> str:
    """The name of the child that ended by itself; empty if we were told to stop."""
    waits = {asyncio.create_task(child.wait()): name for name, child in children.items()}
    told = asyncio.create_task(stop.wait())
    done, others = await asyncio.wait({*waits, told}, return_when=asyncio.FIRST_COMPLETED)
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    return "" if told in done else next(waits[task] for task in done if task in waits)


async def _end(children: list[Process]) -> None:
    """SIGTERM, a while to finish, SIGKILL."""
    running = [child for child in children if child.returncode is None]
    for child in running:
        child.terminate()
    try:
        async with asyncio.timeout(GRACE_S):
            await asyncio.gather(*(child.wait() for child in running))
    except TimeoutError:
        for child in running:
            if child.returncode is None:
                child.kill()
        await asyncio.gather(*(child.wait() for child in running))
    for child in children:  # each leads a session: what it started itself must not outlive it
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """The folder, for this process alone: two Valkeys on one log would spoil it."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
    except BlockingIOError:
        raise CannotStart(f"another `pilothouse run` uses {folder.parent}; give this one another --data-dir") from None
    except OSError as error:
        raise CannotStart(f"{folder} cannot be used: {error.strerror}") from None


def _cache_folder(environment: Mapping[str, str]) -> Path:
    """As PILOTHOUSE_DATA_DIR's default (docs/settings.md)."""
    cache = environment.get("XDG_CACHE_HOME") or str(Path(environment.get("HOME") or "/nonexistent") / ".cache")
    return Path(cache) / "pilothouse"


def _say(sentence: str) -> None:
    sys.stderr.write(f"pilothouse run: {sentence}\n")
    sys.stderr.flush()
