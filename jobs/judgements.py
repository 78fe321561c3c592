"""What the comparisons made of every live object, shared by all workers: one entry for each Application in Valkey.

A cache: what is lost is compared again. What it means for an event: core/judged.py.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from pydantic import SecretStr
from redis.asyncio import Redis

from jobs.core.judged import Traces, as_data, from_data
from jobs.valkey import answered, pool_for

NAME = "pilothouse:judged"
"""Hash: Application key -> JSON `[cluster, traces]`."""
LIMIT_S = 2.5
_WRITE = """
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then return 0 end
return redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
"""
"""Who remembers what it wrote itself does not see that another worker wrote since, or that Valkey was wiped."""
PAGE = 200
"""Entries read at once: some hundred kilobytes."""


class Judgements:
    """The entries of all Applications. Every method raises QueueDown in time when Valkey gives no answer."""

    def __init__(self, url: SecretStr) -> None:
        """Connects when first used. Raises SettingsError."""
        # Any: the types of the library are partial.
        self._redis: Any = Redis(connection_pool=pool_for(url, connections=8))

    async def close(self) -> None:
        """End the connections."""
        await self._redis.aclose(close_connection_pool=True)

    async def write(self, key: str, cluster: str, traces: Traces) -> None:
        """Replace an Application's entry, unless it says the same already. cluster: the API server's address."""
        text = orjson.dumps([cluster, sorted(as_data(traces))])
        await answered(self._redis.eval(_WRITE, 1, NAME, key, text), LIMIT_S)

    async def drop(self, key: str) -> None:
        """Forget an Application that is gone."""
        await answered(self._redis.hdel(NAME, key), LIMIT_S)

    async def read(self, keys: Iterable[str], cluster: str) -> dict[str, Traces]:
        """The traces of these Applications in this cluster; one that was never judged there is missing."""
        wanted, found = list(keys), {}
        for start in range(0, len(wanted), PAGE):
            page = wanted[start : start + PAGE]
            texts = await answered(self._redis.hmget(NAME, page), LIMIT_S)
            found.update({key: text for key, text in zip(page, texts, strict=True) if text})
        return _read(found, cluster)


def _read(texts: Mapping[str, bytes], cluster: str) -> dict[str, Traces]:
    found: dict[str, Traces] = {}
    for key, text in texts.items():
        try:
            where, data = orjson.loads(text)
            if where == cluster:
                found[key] = from_data(data)
        except (ValueError, TypeError):
            continue  # written by another version: as good as none
    return found
