"""Reads objects of one mirror through a git process that stays: 0.2 ms for a file where starting git costs 2.

Knows ids and contents, not paths or refs. Protocol: https://git-scm.com/docs/git-cat-file#_batch_output
"""

import asyncio
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from jobs.core.errors import FetchError
from jobs.git import Git, killed

IDLE_S = 60.0
"""Seconds after which a process that nobody asks ends."""


class Object(NamedTuple):
    """One object of the mirror."""

    id: str
    type: str
    content: bytes


class TooLarge(Exception):
    """The objects asked for are together larger than the limit."""


class Unreadable(Exception):
    """git ended before it had answered: there is no mirror, or it is damaged."""


class Objects:
    """The objects of one mirror. Safe to share: one question at a time is on its way, the others wait.

    A process may have been started before the newest fetch, or before the mirror was made anew: what is missing is
    asked for once more of a new process.
    """

    def __init__(self, git: Git, mirror: Path) -> None:
        self._git = git
        self._mirror = mirror
        self._process: Process | None = None
        self._turn = asyncio.Lock()
        self._idle: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        """Whether a process is running."""
        return self._process is not None

    async def read(self, names: Sequence[str], max_bytes: int) -> list[Object | None]:
        """The objects in the order of their names; None: not there, ambiguous, or not what the name says.

        names: object ids, also `{id}^{commit}`; nothing that came from outside unchecked, since a line break would be
        another question. Raises TooLarge when the contents exceed max_bytes together, Unreadable when there is nothing
        to read from, FetchError when it takes too long.
        """
        async with self._turn:
            fresh = self._process is None
            try:
                found = await self._asked(names, max_bytes)
                if None not in found or fresh:
                    return found
            except (EOFError, ConnectionError):
                pass  # it ended, or answered what nobody understands
            await self._stop()
            try:
                return await self._asked(names, max_bytes)
            except (EOFError, ConnectionError):
                raise Unreadable from None

    async def close(self) -> None:
        """End the process; the next question starts another."""
        async with self._turn:
            await self._stop()

    async def _asked(self, names: Sequence[str], max_bytes: int) -> list[Object | None]:
        """The answers of one process. Whatever interrupts it ends it: the rest of its answers would come next time."""
        if self._process is None:
            command = (f"--git-dir={self._mirror}", "cat-file", "--batch")
            self._process = await self._git.start(command, stdin=PIPE, stderr=DEVNULL)
        process = self._process
        try:
            async with asyncio.timeout(self._git.timeout_s):
                found = await _answers(process, names, max_bytes)
        except TimeoutError:
            await self._stop()
            raise FetchError(f"reading the mirror took longer than {self._git.timeout_s:g} s") from None
        except BaseException:
            await self._stop()
            raise
        self._wait_for_idleness()
        return found

    async def _stop(self) -> None:
        process, self._process = self._process, None
        if self._idle:
            self._idle.cancel()
        if process:
            await killed(process)

    def _wait_for_idleness(self) -> None:
        if self._idle:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(IDLE_S, self._end_if_idle)

    def _end_if_idle(self) -> None:
        # Without a wait: at the end of its input it ends by itself.
        if self._process and self._process.stdin and not self._turn.locked():
            self._process.stdin.close()
            self._process = None


async def _answers(process: Process, names: Sequence[str], max_bytes: int) -> list[Object | None]:
    assert process.stdin
    assert process.stdout
    # Not drained before reading: the process stops taking questions while its answers are not taken.
    process.stdin.write("".join(f"{name}\n" for name in names).encode())
    found: list[Object | None] = []
    for _ in names:
        header = (await process.stdout.readline()).decode("utf-8", "replace").split()
        if not header:
            raise EOFError
        if len(header) != 3 or header[1] not in ("blob", "tree", "commit", "tag"):
            found.append(None)  # "<name> missing" or "<name> ambiguous"
            continue
        size = int(header[2])
        max_bytes -= size
        if max_bytes < 0:
            raise TooLarge
        content = await process.stdout.readexactly(size + 1)
        found.append(Object(header[0], header[1], content[:-1]))
    return found
