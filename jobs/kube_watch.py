"""Watches: the changes of one kind as they happen, over any number of broken connections, never in a hot loop.

https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
What a change means is the caller's.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from time import monotonic

import orjson
import structlog

from jobs.core.discovery import ApiResource
from jobs.core.errors import Gone, KubeError, Unreachable
from jobs.kube_errors import error_of
from jobs.kube_http import LARGE_BYTES, Http
from jobs.kube_list import Json, Listing, as_kind

log = structlog.get_logger()

JITTER = random.SystemRandom()
MAX_LINE = 64_000_000
"""Bytes of one event; far above what etcd stores, so only a stream that is none gets there."""
CHANGES = frozenset({"ADDED", "MODIFIED", "DELETED"})


@dataclass(frozen=True, slots=True)
class Event:
    """One change."""

    type: str
    """`ADDED`, `MODIFIED` or `DELETED`."""
    object: Json
    """The object after the change; for `DELETED` as it was last."""


@dataclass(frozen=True, slots=True)
class Listed:
    """All objects there are: whatever was known before and isn't among them is gone."""

    items: tuple[Json, ...]
    resource_version: str
    """When that was so."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a watch waits, in seconds."""

    idle_s: float = 150.0
    """Silence after which the peer counts as dead; a live API server sends a bookmark every minute."""
    first_s: float = 0.2
    """Back-off after the first failure; doubled with each in a row."""
    cap_s: float = 10.0
    steady_s: float = 10.0
    """A connection that lived so long was no failure, however it ended."""
    failures: int = 5
    """So many in a row, and a watch gives up: its resourceVersion may be what the server stumbles over."""
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep


@dataclass(frozen=True, slots=True)
class Target:
    """What is watched."""

    resource: ApiResource
    path: str
    params: Mapping[str, str]
    accept: str


@dataclass(slots=True)
class _Patience:
    """Counts failures in a row and waits longer after each. Every reconnect goes through here."""

    pace: Pace
    failures: int = 0
    started_at: float = field(default_factory=monotonic)

    async def rest(self) -> None:
        lived_s = monotonic() - self.started_at
        self.failures = 0 if lived_s >= self.pace.steady_s else self.failures + 1
        wait_s = min(self.pace.cap_s, self.pace.first_s * 2 ** min(self.failures - 1, 20))
        await self.pace.sleep(wait_s * JITTER.uniform(0.5, 1.0))
        self.started_at = monotonic()


async def watch(http: Http, target: Target, resource_version: str, pace: Pace) -> AsyncGenerator[Event, None]:
    """Changes after a resourceVersion, for ever. Gone: that is too old; another KubeError: failures in a row."""
    patience = _Patience(pace)
    while True:
        error: KubeError = Unreachable(f"GET {target.path} (watch): closed at once, again and again")
        try:
            async with aclosing(_connection(http, target, resource_version, pace)) as changes:
                async for kind, body in changes:
                    resource_version = str((body.get("metadata") or {}).get("resourceVersion") or resource_version)
                    if kind in CHANGES:
                        yield Event(kind, as_kind(target.resource, body))
        except Gone:
            raise
        except KubeError as failed:
            error = failed
        await patience.rest()
        if patience.failures >= pace.failures:
            raise error


async def follow(
    http: Http, target: Target, listed: Callable[[], Awaitable[Listing]], pace: Pace
) -> AsyncGenerator[Listed | Event, None]:
    """What there is, then its changes, for ever; after a gap that a watch can't bridge, what there is again.

    No failure ends it, each is logged; only cancelling does.
    """
    patience = _Patience(pace)
    while True:
        try:
            listing = await listed()
            yield Listed(listing.items, listing.resource_version)
            async with aclosing(watch(http, target, listing.resource_version, pace)) as events:
                async for event in events:
                    yield event
        except Gone:
            log.info("watch starts anew", path=target.path)
        except KubeError as error:
            log.warning("watch interrupted", path=target.path, error=error.message)
        await patience.rest()


@dataclass(slots=True)
class Lines:
    """Cuts a byte stream into lines of any length; aiohttp's own reader stops at a limit."""

    _left: bytearray = field(default_factory=bytearray)

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The lines that are complete now. Raises Unreachable when one is longer than any event."""
        searched = len(self._left)
        self._left += chunk
        start = 0
        while (end := self._left.find(b"\n", max(searched, start))) >= 0:
            if end > start:
                yield bytes(self._left[start:end])
            start = end + 1
        del self._left[:start]
        if len(self._left) > MAX_LINE:
            raise Unreachable("a watch sent a line that is longer than any event")


async def _connection(
    http: Http, target: Target, resource_version: str, pace: Pace
) -> AsyncGenerator[tuple[str, Json], None]:
    """One connection's events, bookmarks included; ends when the server closes it properly."""
    params = {
        **target.params,
        "watch": "true",
        "allowWatchBookmarks": "true",
        "resourceVersion": resource_version,
        # Spread, or all watches of all workers come back in the same second.
        "timeoutSeconds": str(JITTER.randint(300, 600)),
    }
    lines = Lines()
    async with http.stream(target.path, params, target.accept, pace.idle_s) as content:
        async for chunk in content.iter_any():
            for line in lines.feed(chunk):
                yield await _event(target, line)


async def _event(target: Target, line: bytes) -> tuple[str, Json]:
    try:
        event = await asyncio.to_thread(orjson.loads, line) if len(line) > LARGE_BYTES else orjson.loads(line)
        kind, body = event["type"], event["object"]
    except (ValueError, KeyError, TypeError):
        raise Unreachable(f"GET {target.path} (watch): a line is no event") from None
    if kind == "ERROR" or not isinstance(body, dict):
        code = body.get("code") if isinstance(body, dict) else None
        raise error_of(f"GET {target.path} (watch)", code if isinstance(code, int) else 500, body)
    return str(kind), body
