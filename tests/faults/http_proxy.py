"""A fault proxy for HTTP/1.1: plain HTTP to the worker, HTTP or TLS to the real server. Sees whole requests.

Bytes are passed on as they came: framing is only followed to know where a message ends. Watches are streamed.
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from tests.faults.proxy import LIMIT, Cut, Exchange, Pair, Relay, Tap

NO_BODY = (204, 304)


class HttpProxy(Relay):
    """Stands before one server for one worker."""

    def __init__(self, worker: str, service: str, upstream: str, tap: Tap, tls: ssl.SSLContext | None = None) -> None:
        super().__init__()
        self._worker, self._service, self._tap, self._tls = worker, service, tap, tls
        address = urlsplit(upstream)
        self._host, self._port = address.hostname or "", address.port or 0
        self.url = ""
        self.away = False
        """True: every new connection is cut at once, as if the server were gone."""

    async def start(self) -> str:
        """Listen on a free port; the base URL."""
        self._server = await asyncio.start_server(self.accept, "127.0.0.1", 0, limit=LIMIT)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self.url

    async def connect(self) -> Pair:
        """A connection to the real server."""
        if self.away:
            raise Cut
        return Pair(*await asyncio.open_connection(self._host, self._port, ssl=self._tls, limit=LIMIT))

    async def serve(self, down: Pair, up: Pair) -> None:
        """One request after the other."""
        while True:
            head = await _head(down.reader)
            body = b"".join([part async for part in _parts(down.reader, head, of_answer=False)])
            method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
            exchange = Exchange(self._worker, self._service, f"{method} {target}", body, time.monotonic())
            if self.away or not await self._tap.asked(exchange):
                raise Cut
            await up.send(head + body)
            await self._answer(exchange, down, up)

    async def _answer(self, exchange: Exchange, down: Pair, up: Pair) -> None:
        head = await _head(up.reader)
        exchange.status = int(head.split(b" ", 2)[1])
        parts = _parts(up.reader, head, of_answer=not exchange.label.startswith("HEAD "))
        if "watch=" in exchange.label:
            await down.send(head)
            async for part in parts:
                await down.send(part)
            return
        answer = b"".join([part async for part in parts])
        exchange.answer = answer if exchange.is_write else b""
        if not await self._tap.answered(exchange):
            raise Cut
        await down.send(head + answer)


async def _head(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


async def _parts(reader: asyncio.StreamReader, head: bytes, *, of_answer: bool) -> AsyncIterator[bytes]:
    """The bytes of a body, framing included. A request without a length has none; an answer then lasts to the end."""
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
    length = fields.get(b"content-length", b"").strip()
    if b"chunked" in fields.get(b"transfer-encoding", b""):
        async for chunk in _chunks(reader):
            yield chunk
    elif length:
        yield await reader.readexactly(int(length))
    elif of_answer and int(head.split(b" ", 2)[1]) not in NO_BODY:
        while data := await reader.read(65536):
            yield data
        raise Cut


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        yield line + await reader.readexactly(size + 2)
        if size == 0:
            return
