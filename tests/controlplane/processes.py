"""Child processes that never outlive their parent, and free ports for them.

Lives here: starting, ending and looking at one process. Which processes make a control plane: plane.py.
"""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

# PR_SET_PDEATHSIG fires when the *thread* that forked ends, so one thread that lives as long as the process forks all.
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")

# Runs in the child, then becomes the program (same pid). The parent may be dead before prctl: hence the second look.
_BIND_TO_PARENT = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, ctypes.c_ulong(signal.SIGKILL))
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""

_FIRST_PORT = 20_000


def bound_to_parent(command: Sequence[str]) -> list[str]:
    """The command, wrapped so that the kernel kills it when this process (or the forking thread) ends.

    Not a `preexec_fn`: Python code between fork and exec may deadlock in a process with threads.
    """
    return [sys.executable, "-I", "-S", "-c", _BIND_TO_PARENT, str(os.getpid()), *command]


@dataclass(slots=True)
class Child:
    """One running program and its log."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    @classmethod
    def start(cls, name: str, command: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> "Child":
        """Start it, in a session of its own so that a Ctrl-C in the terminal does not reach it before its parent."""
        with log.open("ab") as output:
            process = _spawner.submit(
                subprocess.Popen,
                bound_to_parent(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=None if env is None else dict(env),
                start_new_session=True,
            ).result()
        return cls(name, process, log)

    @property
    def pid(self) -> int:
        return self.process.pid

    def alive(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> None:
        """End it by SIGKILL and wait until it is gone: nothing it holds is worth keeping."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def last_words(self, lines: int = 8) -> str:
        """The end of its log, for error messages."""
        return "\n  ".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def port_was_taken(self) -> bool:
        return "address already in use" in self.log.read_text(errors="replace")


def free_port() -> int:
    """A port of 127.0.0.1 that is free at this moment; whoever binds it must still be ready to be refused.

    Below the kernel's ephemeral range: a client that connects to a stopped server's port inside that range may get the
    very port as its own, and then holds it (or talks to itself).
    """
    ephemeral = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    span = max(ephemeral - _FIRST_PORT, 10_000)
    while True:
        port = _FIRST_PORT + secrets.randbelow(span)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
