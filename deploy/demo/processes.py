"""Child processes that never outlive their parent, each with a log of its own, and free ports for them.

Lives here: starting, ending and looking at one process. Which processes make a Pilothouse is said in stage.py.
"""

import asyncio
import os
import secrets
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
"""Where children run: `python -m receiver` finds its package there."""
POLL_S = 0.02
FIRST_PORT = 20_000

# Runs in the child, then becomes the program (same pid). The parent may be dead before prctl: hence the second look.
# Not a `preexec_fn`: Python code between fork and exec may deadlock in a process with threads.
BIND_TO_PARENT = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, ctypes.c_ulong(signal.SIGKILL))
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


class ChildError(Exception):
    """A process did not start or ended too early; the message holds its name and the end of its log."""


@dataclass(slots=True)
class Child:
    """One running program. It ends with the thread that started it, however that one ends."""

    name: str
    process: Process
    log: Path

    @classmethod
    async def start(cls, name: str, command: Sequence[str], *, log: Path, env: Mapping[str, str]) -> "Child":
        """Start it, in a session of its own, so that a Ctrl-C in the terminal does not reach it before us."""
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", "-c", BIND_TO_PARENT, str(os.getpid()), *command),
                stdin=DEVNULL,
                stdout=output,
                stderr=output,
                env=dict(env),
                cwd=ROOT,
                start_new_session=True,
            )
        return cls(name, process, log)

    @property
    def pid(self) -> int:
        """The program's process id; its process group has the same."""
        return self.process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs (a stopped one does)."""
        return self.process.returncode is None

    async def ready(self, answers: Callable[[], Awaitable[bool]], *, within_s: float = 30.0) -> None:
        """Wait until it answers. Raises ChildError if it ends before, or says nothing in time."""
        try:
            async with asyncio.timeout(within_s):
                while not await answers():
                    if not self.alive:
                        raise ChildError(f"{self.name} ended with code {self.process.returncode}:\n{self.last_lines()}")
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            raise ChildError(f"{self.name} does not answer after {within_s:g} s:\n{self.last_lines()}") from None

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; nothing happens if it has ended."""
        with suppress(ProcessLookupError):
            self.process.send_signal(number)

    async def kill(self) -> None:
        """SIGKILL to it alone, as a crash would: its own children have to notice by themselves."""
        self.signal(signal.SIGKILL)
        await self.process.wait()

    async def stop(self, *, within_s: float = 25.0) -> None:
        """Ask it to end by SIGTERM, then insist; whatever it started and left behind in its group goes too."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(within_s):
                await self.process.wait()
        except TimeoutError:
            await self.kill()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def last_lines(self, count: int = 12) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])


def free_port() -> int:
    """A port of 127.0.0.1 that is free at this moment.

    Below the kernel's ephemeral range: a client that connects to a stopped server's port inside that range may get the
    very port as its own, and then holds it.
    """
    ephemeral = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = FIRST_PORT + secrets.randbelow(max(ephemeral - FIRST_PORT, 10_000))
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
