"""GET /api/v1/stream/applications: Applications as they change, as server-sent events, for as long as the caller may.

What is sent is decided in told.py, from what feed.py keeps.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain

from aiohttp import web

from jobs.core.errors import KubeError
from receiver.asked import Streamed, name_of, namespace_of, query_of, wanted_fields
from receiver.chosen import Wanted
from receiver.desk import TIMEOUT_S, Desk
from receiver.errors import Forbidden, TooMany, Unauthenticated
from receiver.feed import Feed, Follower
from receiver.told import BEAT, OPENING, Told, ending, position_id, position_of

MAX_STREAMS = 200
"""Of one receiver."""
STREAM_S = 1_800.0
"""Longest life of one; the client comes back with its Last-Event-ID."""
BEAT_S = 10.0
"""Between two heart-beats, and two questions whether the caller still may."""
WRITE_S = 30.0
"""A client that takes nothing for so long is gone."""
CHUNK = 64_000
"""Bytes that are written at once."""
HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Accel-Buffering": "no",  # nginx would hold events back until a buffer is full
}


@dataclass(frozen=True, slots=True)
class Seat:
    """What a caller may follow."""

    namespaces: tuple[str, ...]
    name: str = ""
    """The one Application; empty: all that he may list there."""


class Stream:
    """The handler and what it works with."""

    def __init__(self, desk: Desk, feed: Feed) -> None:
        self._desk, self._feed = desk, feed

    async def applications(self, request: web.Request) -> web.StreamResponse:
        """All Applications that are asked for, then every change of them. Raises as the list does, and TooMany."""
        async with asyncio.timeout(TIMEOUT_S):
            await self._desk.access.caller(request)
            asked = query_of(request.query, Streamed)
            seat = await self._seat(request, asked)
            if len(self._feed) >= MAX_STREAMS or self._feed.closing:
                raise TooMany("this receiver serves as many streams as it can; try again", retry_after_s=5)
            await self._feed.ready(seat.namespaces)
        follower, response = self._feed.enter(seat.namespaces), web.StreamResponse(headers=HEADERS)
        told = Told(Wanted.of(asked, seat.name), wanted_fields(asked.fields))
        try:
            first = [*self._first(follower, told, position_of(request.headers.get("Last-Event-ID", "")))]
            await response.prepare(request)
            await self._write(response, (OPENING, *chain.from_iterable(first), position_id(told.position)))
            why = await self._tell(response, follower, told, lambda: self._seat(request, asked))
            await self._write(response, [ending(why)])
        except (ConnectionError, TimeoutError):
            if request.transport:
                request.transport.abort()  # nobody reads: what is not sent yet would hold up our own end
        finally:
            self._feed.leave(follower)
        return response

    async def _seat(self, request: web.Request, asked: Streamed) -> Seat:
        """Who it is, and what of what he asked for he may see, now. Raises Unauthenticated, Forbidden, KubeError."""
        caller = await self._desk.access.caller(request)
        if not asked.name:
            return Seat(await self._desk.listed(caller, asked.namespace))
        namespace, name = namespace_of(asked.namespace, self._desk.served, "namespace"), name_of(asked.name)
        await self._desk.access.require(caller, "get", namespace, name)
        return Seat((namespace,), name)

    def _first(self, follower: Follower, told: Told, position: Mapping[str, int]) -> Iterator[Iterator[bytes]]:
        """Where the client goes on, or everything anew. No other may run in between, or a change would be lost."""
        for namespace in follower.namespaces:
            shelf = self._feed.shelf(namespace)
            changed = shelf.since(position[namespace]) if namespace in position else None
            if changed is None:
                told.position[namespace] = shelf.version
                yield told.all_of(namespace, [*shelf.items.values()])
            else:
                told.position[namespace] = position[namespace]
                told.resumed.add(namespace)
                follower.pending.update({(namespace, name): None for name in changed})

    async def _tell(
        self, response: web.StreamResponse, follower: Follower, told: Told, seat: Callable[[], Awaitable[Seat]]
    ) -> str:
        """Tell of changes until the end, whose reason it returns. What cannot be asked about is not told, but kept."""
        over_at, beat_at, allowed = time.monotonic() + STREAM_S, time.monotonic() + BEAT_S, True
        while not self._feed.closing:
            follower.woken.clear()
            now = time.monotonic()
            if now >= over_at:
                return "it is over after its longest time: come back"
            if now >= beat_at:
                try:
                    if await seat() != Seat(follower.namespaces, told.wanted.name):
                        return "you may see less than before: come back"
                    allowed = True
                except (Unauthenticated, Forbidden) as error:
                    return error.detail
                except (KubeError, TimeoutError):
                    allowed = False
                beat_at = time.monotonic() + BEAT_S
                await self._write(response, (BEAT, position_id(told.position)))
            if allowed and follower.pending:
                await self._write(response, self._changes(follower, told))
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(min(beat_at, over_at) - time.monotonic()):
                    await follower.woken.wait()
        return "the receiver stops: come back"

    def _changes(self, follower: Follower, told: Told) -> Iterator[bytes]:
        """All that is pending, then how far that is: whoever is cut off in between is told all of it again."""
        keys, follower.pending = follower.pending, {}
        position = {namespace: self._feed.shelf(namespace).version for namespace in follower.namespaces}
        yield from told.changes(keys, self._feed.item)
        told.position = position
        yield position_id(position)

    async def _write(self, response: web.StreamResponse, parts: Iterable[bytes]) -> None:
        """In pieces. Raises ConnectionError, and TimeoutError when the client takes nothing for too long."""
        piece = bytearray()
        for part in parts:
            piece += part
            if len(piece) >= CHUNK:
                await _flush(response, piece)
        if piece:
            await _flush(response, piece)


async def _flush(response: web.StreamResponse, piece: bytearray) -> None:
    async with asyncio.timeout(WRITE_S):
        await response.write(bytes(piece))
    piece.clear()
    await asyncio.sleep(0)  # a client that takes everything at once must not hold up the others
