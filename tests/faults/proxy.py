"""What every fault proxy shares: it tells a Tap of each request and of its answer, and the Tap may strike.

How requests are read is in http_proxy.py (API server, Git) and resp_proxy.py (Valkey). A point is a request, not a
time: struck before it is forwarded, it never happened; struck after its answer, it did, but the worker never learns.
"""

import asyncio
import contextlib
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

LIMIT = 2**26
"""Longest head or line that is read, in bytes."""


@dataclass(slots=True)
class Exchange:
    """One request and its answer, as the proxy saw them. Times are `time.monotonic()`."""

    worker: str
    service: str
    """api, git or valkey."""
    label: str
    """`PATCH /api/v1/...`, `POST /shop.git/git-upload-pack`, `DONE application:team/shop ...`."""
    body: bytes
    began_at: float
    ended_at: float | None = None
    """None: no answer came back."""
    status: int = 0
    """HTTP status; 0 for Valkey."""
    answer: bytes = b""

    @property
    def is_write(self) -> bool:
        """A request of the API server that changes something: no GET, no dry run, no review."""
        return self.service == "api" and not self.label.startswith("GET ") and "dryRun=" not in self.label

    @property
    def text(self) -> str:
        """What points are matched against: label and, once there is one, the answer of Valkey."""
        answered = self.service == "valkey" and self.answer
        return f"{self.label} -> {self.answer[:400].decode(errors='replace')}" if answered else self.label


@dataclass(frozen=True, slots=True)
class Point:
    """The nth request that matches, counted from when the point was set."""

    service: str
    pattern: str
    """Regular expression, searched in `Exchange.text`."""
    nth: int = 1
    after: bool = False
    """False: before it is forwarded. True: when its answer came back, which is not passed on."""

    def of(self, name: str) -> "Point":
        """The point for an Application, which the pattern calls NAME."""
        return Point(self.service, self.pattern.replace("NAME", name), self.nth, self.after)

    def __str__(self) -> str:
        """For test reports."""
        return f"{'after' if self.after else 'before'} {self.service} {self.pattern} #{self.nth}"


Strike = Callable[[], Awaitable[bool]]
"""What is done at a point; whether the request, or its answer, may go on afterwards."""


@dataclass(slots=True)
class Tap:
    """The log of all proxies, and the one point at which to strike."""

    log: list[Exchange] = field(default_factory=list)
    struck_at: float | None = None
    _point: Point | None = None
    _strike: Strike | None = None
    _seen: int = 0
    _struck: asyncio.Event = field(default_factory=asyncio.Event)

    def strike_at(self, point: Point, strike: Strike) -> None:
        """Call `strike` at this point, once."""
        self._point, self._strike, self._seen, self.struck_at = point, strike, 0, None
        self._struck.clear()

    async def struck(self, within_s: float) -> bool:
        """Wait until the point was reached; False: it was not."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._struck.wait()
        self._point = None
        return self._struck.is_set()

    async def asked(self, exchange: Exchange) -> bool:
        """A request came in; False: it must not be forwarded."""
        self.log.append(exchange)
        return await self._passes(exchange, after=False)

    async def answered(self, exchange: Exchange) -> bool:
        """Its answer came back; False: it must not be passed on."""
        exchange.ended_at = time.monotonic()
        return await self._passes(exchange, after=True)

    def writes(self, pattern: str) -> list[Exchange]:
        """Writes of the API server whose label matches."""
        return [exchange for exchange in self.log if exchange.is_write and re.search(pattern, exchange.label)]

    async def _passes(self, exchange: Exchange, *, after: bool) -> bool:
        point = self._point
        if point is None or self._strike is None or not _is_at(exchange, point, after=after):
            return True
        self._seen += 1
        if self._seen < point.nth:
            return True
        self._point, self.struck_at = None, time.monotonic()
        self._struck.set()
        return await self._strike()


def _is_at(exchange: Exchange, point: Point, *, after: bool) -> bool:
    if (point.service, point.after) != (exchange.service, after) or exchange.answer.startswith(b"-NOSCRIPT"):
        return False
    return re.search(point.pattern, exchange.text, re.DOTALL) is not None


class Cut(Exception):
    """The connection ends here: a strike, or one side hung up."""


class Relay(ABC):
    """A listener that opens one connection to the real server for each connection of the worker."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @abstractmethod
    async def serve(self, down: "Pair", up: "Pair") -> None:
        """Relay until one side hangs up. Raises Cut."""

    @abstractmethod
    async def connect(self) -> "Pair":
        """A connection to the real server."""

    async def close(self) -> None:
        """Stop listening and cut every connection."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """For `start_server`."""
        task = asyncio.create_task(self._relay(Pair(reader, writer)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _relay(self, down: "Pair") -> None:
        up: Pair | None = None
        try:
            up = await self.connect()
            await self.serve(down, up)
        except (Cut, OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            down.abort()
            if up is not None:
                up.abort()


@dataclass(frozen=True, slots=True)
class Pair:
    """Both directions of one connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Write, and wait while the other side is slow."""
        self.writer.write(data)
        await self.writer.drain()

    def abort(self) -> None:
        """Close at once."""
        self.writer.transport.abort()
