"""Which deliveries came before: noted together, as marks are written together. Nothing depends on the answer.

A note lies in Valkey, where all receivers find it, for a day or until so many others came that it gives way.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from jobs.scripts import Script
from jobs.valkey import QueueDown

MAX_SEEN = 100_000
"""Delivery ids that are known; about 10 MB. Older ones give way."""

SEEN = Script(
    """
local time = redis.call('TIME')
local now, ttl = time[1] * 1000 + math.floor(time[2] / 1000), tonumber(ARGV[1])
local seen, known = KEYS[#KEYS], {}
for at = 2, #ARGV do
  local noted = redis.call('ZSCORE', seen, ARGV[at])
  known[at - 1] = noted and tonumber(noted) > now - ttl and 1 or 0
  redis.call('ZADD', seen, now, ARGV[at])
end
redis.call('ZREMRANGEBYRANK', seen, 0, -MAX_SEEN - 1)
return known
""".replace("MAX_SEEN", str(MAX_SEEN))
)
"""One key more: a zset, name -> when it was noted last. ARGV: how long a name is known in ms, then names.

Returns 1 for each that was known. A repeated call says that all of them were.
"""


class Notes:
    """Notes keys together, and tells of each whether it was noted before."""

    def __init__(self, note: Callable[[list[str]], Awaitable[Sequence[bool]]], *, most: int) -> None:
        """note: at most `most` keys at once, in their order; it may raise QueueDown."""
        self._note, self._most = note, most
        self._waiting: list[tuple[str, asyncio.Future[bool]]] = []
        self._noter: asyncio.Task[None] | None = None

    def add(self, key: str) -> asyncio.Future[bool]:
        """Whether it was noted before; QueueDown if that can't be told. Nobody has to wait for it."""
        waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        waiter.add_done_callback(_heard)
        self._waiting.append((key, waiter))
        if self._noter is None or self._noter.done():
            self._noter = asyncio.create_task(self._note_all())
        return waiter

    async def close(self, limit_s: float) -> None:
        """Wait for what is under way."""
        if self._noter is not None:
            await asyncio.wait({self._noter}, timeout=limit_s)

    async def _note_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            try:
                known = await self._note([key for key, _ in batch])
            except BaseException as error:
                for _, waiter in batch:
                    if not waiter.done():
                        waiter.set_exception(QueueDown(f"nothing was noted: {error}", retry_after_s=5.0))
                if not isinstance(error, QueueDown):
                    raise
                continue
            for (_, waiter), answer in zip(batch, known, strict=True):
                if not waiter.done():
                    waiter.set_result(answer)


def _heard(waiter: asyncio.Future[bool]) -> None:
    """Look at the outcome, so that asyncio does not report an error that nobody waits for any more."""
    if not waiter.cancelled():
        waiter.exception()
