"""Reading a request's body: raw, once, within a size, a time and a memory; aiohttp by itself limits only the first."""

import asyncio
from collections.abc import Hashable, Iterator
from contextlib import contextmanager, nullcontext

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from receiver.errors import BadRequest, TooLarge, TooSlow, Unavailable

BODY_TIMEOUT_S = 10.0
BIG_BODY_BYTES = 1_000_000
"""From here on work on a body runs in a thread: hashing and parsing would hold up everybody else."""
SMALL_BODY_BYTES = 65_536
"""Up to here a body is no more than a connection holds anyway."""
ROOM_BYTES = 64_000_000
"""For all larger bodies under way together. Strangers send them, and nothing is known of them before they are whole."""
RETRY_AFTER_S = 10


class Bodies:
    """The bodies under way, and the memory they share.

    Whoever came first never waits for room, so that what is under way ends, whatever others hold.
    """

    def __init__(self, total_bytes: int = ROOM_BYTES) -> None:
        self._total, self._taken = total_bytes, 0
        self._held: dict[Hashable, int] = {}
        self._reading = 0
        self._changed = asyncio.Event()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """While a body is read."""
        self._reading += 1
        try:
            yield
        finally:
            self._reading -= 1
            self._tell()

    async def all_read(self) -> None:
        """Wait until no body is being read."""
        while self._reading:
            await self._changed.wait()

    async def take(self, who: Hashable, size: int) -> None:
        """Wait until there is room for `size` bytes more."""
        self._held.setdefault(who, 0)
        while self._taken + size > self._total and next(iter(self._held)) != who:
            await self._changed.wait()
        self._held[who] += size
        self._taken += size

    def leave(self, who: Hashable) -> None:
        """Give all of it back."""
        self._taken -= self._held.pop(who, 0)
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


BODIES = web.AppKey("BODIES", Bodies)


def middleware() -> Middleware:
    """Gives the room of a body back when its request is answered."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        finally:
            request.app[BODIES].leave(id(request))

    return answer


async def read_body(request: web.Request, max_bytes: int, *, timeout_s: float = BODY_TIMEOUT_S) -> bytes:
    """The body as sent. Raises TooLarge (announced or found out), TooSlow, Unavailable (no room came free in time) and
    BadRequest for a broken one.
    """
    if (request.content_length or 0) > max_bytes:
        raise TooLarge(f"the body is larger than {max_bytes} bytes (PILOTHOUSE_MAX_BODY_BYTES)")
    under_way = request.app[BODIES]
    # Most bodies came with their headers: then nothing is waited for, and no clock is set.
    limit = nullcontext() if request.content.is_eof() else asyncio.timeout(timeout_s)
    body, lacks_room = bytearray(), False
    try:
        with under_way.reading():
            async with limit:
                async for part in request.content.iter_any():
                    body += part
                    if len(body) > max_bytes:
                        raise TooLarge(f"the body is larger than {max_bytes} bytes (PILOTHOUSE_MAX_BODY_BYTES)")
                    if len(body) > SMALL_BODY_BYTES:
                        lacks_room = True
                        await under_way.take(id(request), len(part))
                        lacks_room = False
    except TimeoutError:
        if lacks_room:
            raise Unavailable("too many large bodies are under way; try again", retry_after_s=RETRY_AFTER_S) from None
        raise TooSlow(f"the body did not come within {timeout_s:g} s") from None
    except web.RequestPayloadError:
        raise BadRequest("the body is broken off or wrongly encoded") from None
    return bytes(body)
