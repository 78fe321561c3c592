"""Of all workers at most one does a thing: a name in Valkey that is held for some seconds and renewed while it is done.

Nothing depends on it but cost: two that lead for a moment do the same harmless thing twice.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from pydantic import SecretStr
from redis.asyncio import Redis

from jobs.valkey import QueueDown, answered, pool_for

log = structlog.get_logger()

LEAD_S = 10.0
"""How long a worker that was killed still leads, in seconds."""
ASK_S = 2.0
"""Between two tries to take it."""
LIMIT_S = 2.0

_RENEW = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class Lead:
    """One worker's part in all leads."""

    def __init__(self, url: SecretStr, *, lead_s: float = LEAD_S, ask_s: float = ASK_S) -> None:
        """Connects when first used. Raises SettingsError."""
        self._redis: Any = Redis(connection_pool=pool_for(url, connections=4))
        self._token = secrets.token_hex(8)
        self._lead_ms, self._ask_s = int(lead_s * 1000), ask_s

    async def close(self) -> None:
        """End the connections."""
        await self._redis.aclose(close_connection_pool=True)

    async def hold(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """For ever: whenever this worker leads under the name, do the work; it is cancelled when the lead is lost.

        Work that ends or fails is begun anew after a pause, by whoever leads then.
        """
        key = f"pilothouse:lead:{name}"
        while True:
            if await self._taken(key):
                log.info("leads", name=name)
                await self._worked(key, work)
                log.info("leads no more", name=name)
            await asyncio.sleep(self._ask_s)

    async def _taken(self, key: str) -> bool:
        try:
            return bool(await answered(self._redis.set(key, self._token, nx=True, px=self._lead_ms), LIMIT_S))
        except QueueDown:
            return False

    async def _worked(self, key: str, work: Callable[[], Awaitable[None]]) -> None:
        doing = asyncio.ensure_future(work())
        keeping = asyncio.create_task(self._kept(key))
        try:
            await asyncio.wait({doing, keeping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (doing, keeping):
                task.cancel()
            ended = await asyncio.gather(doing, keeping, return_exceptions=True)
            await self._released(key)
        if isinstance(ended[0], Exception):
            log.error("work of a lead failed by a bug", key=key, exc_info=ended[0])

    async def _kept(self, key: str) -> None:
        """Renew until it can't be: taken by another, or no answer for so long that it may be."""
        clock = asyncio.get_running_loop().time
        until = clock() + self._lead_ms / 1000
        while True:
            await asyncio.sleep(self._lead_ms / 3000)
            asked_at = clock()
            try:
                if not await answered(self._redis.eval(_RENEW, 1, key, self._token, self._lead_ms), LIMIT_S):
                    return
                until = asked_at + self._lead_ms / 1000
            except QueueDown:
                if clock() > until:
                    return

    async def _released(self, key: str) -> None:
        """Let another worker take it at once; else it runs out by itself."""
        with contextlib.suppress(QueueDown):
            await answered(self._redis.eval(_RELEASE, 1, key, self._token), LIMIT_S)
