"""Group commit: one write is under way at a time, and whoever arrives meanwhile shares the next one.

What is written is the caller's matter; this file knows neither marks nor Valkey, only who waits for which write.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from jobs.valkey import QueueDown, answered


@dataclass
class _Batch:
    arguments: list[str] = field(default_factory=list)
    waiters: list[asyncio.Future[None]] = field(default_factory=list)

    def succeed(self) -> None:
        for waiter in self._patient():
            waiter.set_result(None)

    def fail(self, error: BaseException) -> None:
        for waiter in self._patient():
            waiter.set_exception(QueueDown(f"the mark was not written: {error}", retry_after_s=5.0))

    def _patient(self) -> list[asyncio.Future[None]]:
        """Those who still wait: others were cancelled or have run out of time."""
        return [waiter for waiter in self.waiters if not waiter.done()]


class Batches:
    """Writes what is added, together, in order."""

    def __init__(
        self,
        write: Callable[[list[str]], Awaitable[bool]],
        wake: Callable[[], Awaitable[None]],
        *,
        most: int,
    ) -> None:
        """write: at most `most` arguments at once; True: `wake` shall be called afterwards. It may raise QueueDown."""
        self._write = write
        self._wake = wake
        self._most = most
        self._next = _Batch()
        self._writer: asyncio.Task[None] | None = None

    async def add(self, arguments: list[str], limit_s: float) -> None:
        """Returns when written; raises QueueDown when that failed or took longer, and it may still be written then."""
        waiter = asyncio.get_running_loop().create_future()
        self._next.arguments += arguments
        self._next.waiters.append(waiter)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_all())
        await answered(waiter, limit_s)

    async def close(self, limit_s: float) -> None:
        """Wait for the writes under way."""
        if self._writer is not None:
            await asyncio.wait({self._writer}, timeout=limit_s)

    async def _write_all(self) -> None:
        while self._next.waiters:
            batch, self._next = self._next, _Batch()
            wake = False
            try:
                for start in range(0, len(batch.arguments), self._most):
                    wake |= await self._write(batch.arguments[start : start + self._most])
            except BaseException as error:
                batch.fail(error)
                if not isinstance(error, QueueDown):
                    raise
            else:
                batch.succeed()
            if wake:
                await self._wake()
