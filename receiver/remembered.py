"""Marks that could not be written since Valkey was away: kept in memory, bounded, and written once it is back.

Git hosts do not deliver again by themselves, so without this a push during an outage would wait for the next poll.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import structlog

from jobs.enqueue import Mark, QueueDown

log = structlog.get_logger()

LIMIT = 10_000
"""Different repositories and applications; about 5 MB."""
PAUSES_S = (0.2, 0.5, 1.0, 2.0)
"""Between tries; the last one repeats. Short, since an outage is mostly a restart."""

Marker = Callable[[list[Mark]], Awaitable[None]]


class Remembered:
    """A bounded set of marks and the task that writes them. Of two marks for one key the later is kept."""

    def __init__(self, mark: Marker, *, limit: int = LIMIT, pauses_s: tuple[float, ...] = PAUSES_S) -> None:
        """`mark` writes marks durably or raises QueueDown."""
        self._mark, self._limit, self._pauses_s = mark, limit, pauses_s
        self._kept: dict[tuple[str, str], Mark] = {}
        self._some = asyncio.Event()

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._kept)

    def add(self, marks: Iterable[Mark]) -> int:
        """Keep these; returns how many found no room (the sweep will find what they were about)."""
        lost = 0
        for mark in marks:
            key = (mark.kind, mark.key)
            if key in self._kept or len(self._kept) < self._limit:
                self._kept[key] = mark
            else:
                lost += 1
        self._some.set()
        return lost

    async def keep_trying(self) -> None:
        """Write what is kept, as soon as possible, for ever. Ends by being cancelled."""
        tries = 0
        while True:
            await self._some.wait()
            if await self.try_once():
                tries = 0
            else:
                await asyncio.sleep(self._pauses_s[min(tries, len(self._pauses_s) - 1)])
                tries += 1

    async def try_once(self) -> bool:
        """Write all that is kept now; False if Valkey is still away, and all is kept."""
        batch = list(self._kept.values())
        if not batch:
            self._some.clear()
            return True
        try:
            await self._mark(batch)
        except QueueDown:
            return False
        for mark in batch:  # one that was replaced meanwhile has newer hints: it is written again
            if self._kept.get((mark.kind, mark.key)) is mark:
                del self._kept[mark.kind, mark.key]
        log.info("remembered marks written", marks=len(batch))
        return True
