"""A lock on a file, held by one task of one process, and by processes that it gives the descriptor to.

The system takes it back when the last of them has ended, however (https://man7.org/linux/man-pages/man2/flock.2.html).
"""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.005, 0.1
_BUSY = b"busy"


class StillLocked(Exception):
    """Others kept the lock for too long."""


@dataclass(frozen=True, slots=True)
class Held:
    """The lock, taken."""

    descriptor: int
    """For processes that work under the lock."""
    interrupted: bool
    """Whoever had it before did not come to its end: killed, cancelled or failed half-way."""


@asynccontextmanager
async def locked(path: Path, timeout_s: float) -> AsyncIterator[Held]:
    """Hold the lock of a file, made with its folder if it is not there. Raises StillLocked after timeout_s."""
    held = await _taken(path, timeout_s)
    try:
        yield held
        os.ftruncate(held.descriptor, 0)
    finally:
        os.close(held.descriptor)


async def _taken(path: Path, timeout_s: float) -> Held:
    """Ask again and again: a blocking flock would hold a thread that cannot be cancelled."""
    wait_s = _FIRST_WAIT_S
    deadline = asyncio.get_running_loop().time() + timeout_s
    while (held := await _uncancelled(path)) is None:
        if asyncio.get_running_loop().time() > deadline:
            raise StillLocked
        await asyncio.sleep(wait_s)
        wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
    return held


async def _uncancelled(path: Path) -> Held | None:
    """One try. If we are cancelled meanwhile, what the thread took is given back."""
    trying = asyncio.ensure_future(asyncio.to_thread(_try, path))
    try:
        return await asyncio.shield(trying)
    except asyncio.CancelledError:
        trying.add_done_callback(_give_back)
        raise


def _give_back(trying: "asyncio.Future[Held | None]") -> None:
    if not trying.cancelled() and not trying.exception() and (held := trying.result()):
        os.close(held.descriptor)


def _try(path: Path) -> Held | None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        interrupted = os.pread(descriptor, len(_BUSY), 0) == _BUSY
        os.pwrite(descriptor, _BUSY, 0)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return Held(descriptor, interrupted)
