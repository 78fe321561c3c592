"""One control plane for a whole test run: whichever pytest process needs it first starts it, all others find it.

It runs in a process of its own (`python -m tests.controlplane run`), which ends with the run's main process, however
that ends. Lives here: that process and the run's folder. pytest's side: plugin.py.
"""

import fcntl
import os
import select
import shutil
import signal
import sys
import time
from pathlib import Path

from tests.controlplane import binaries
from tests.controlplane.coordinates import Coordinates
from tests.controlplane.plane import READY_TIMEOUT_S, ROOT, PlaneError

STOP_TIMEOUT_S = 20.0
POLL_INTERVAL_S = 0.05


class SharedPlane:
    """The plane of the test run that owns `folder`. Every process of the run may make one of these."""

    def __init__(self, folder: Path, owner_pid: int) -> None:
        """`owner_pid`: the run's main process; when it is gone, the plane goes."""
        self._folder = folder
        self._owner_pid = owner_pid
        self._pid_file = folder / "plane.pid"
        self._failure = folder / "failure.txt"
        self._log = folder / "run.log"

    def demand(self) -> Coordinates:
        """The running plane, started if it is not yet. Raises BinariesMissingError, or PlaneError if it will not start.

        Blocks while it starts (about 5 s), also when another process starts it.
        """
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self._failure.is_file():
                raise PlaneError(self._failure.read_text())
            if not self.found():
                self._start()
            return Coordinates.load(self._coordinates_file)

    def found(self) -> Coordinates | None:
        """The plane if somebody has started it; never starts it."""
        return Coordinates.load(self._coordinates_file) if self._coordinates_file.is_file() else None

    def stop(self) -> None:
        """End the plane if there is one and remove the folder. For the run's main process, at its end."""
        if self._pid_file.is_file():
            _end(int(self._pid_file.read_text()))
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _coordinates_file(self) -> Path:
        return self._folder / "plane" / "plane.json"

    def _start(self) -> None:
        binaries.find()
        pid = self._spawn()
        self._pid_file.write_text(str(pid))
        deadline = time.monotonic() + 3 * READY_TIMEOUT_S
        while not self.found():
            ended, _ = os.waitpid(pid, os.WNOHANG)
            if ended or time.monotonic() > deadline:
                why = f"the test control plane did not start: {self._log.read_text(errors='replace').strip()}"
                self._failure.write_text(why)
                raise PlaneError(why)
            time.sleep(POLL_INTERVAL_S)

    def _spawn(self) -> int:
        """Start the process. No Popen object: it would warn of a process that outlives the worker that started it."""
        command = [sys.executable, "-m", "tests.controlplane", "run"]
        command += ["--dir", str(self._folder / "plane"), "--while-pid", str(self._owner_pid)]
        write = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        return os.posix_spawn(
            sys.executable,
            command,
            {**os.environ, "PYTHONPATH": str(ROOT)},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(self._log), write, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,  # a Ctrl-C is for pytest, which then ends the plane in order
        )


def _end(pid: int) -> None:
    """SIGTERM, then SIGKILL if it takes too long; its children die with it either way."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        signal.pidfd_send_signal(handle, signal.SIGTERM)
        if not select.select([handle], [], [], STOP_TIMEOUT_S)[0]:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
    except ProcessLookupError:
        pass
    finally:
        os.close(handle)
