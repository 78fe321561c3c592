"""A fault proxy for Valkey on a unix socket: sees each command (RESP2), and which of the queue's scripts it runs.

https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

import asyncio
import time
from collections import deque
from pathlib import Path

from jobs import scripts
from tests.faults.proxy import LIMIT, Exchange, Pair, Relay, Tap

SCRIPTS = {
    script.sha: name
    for name in ("MARK", "CLAIM", "RENEW", "DONE", "DROP", "LOOK", "FILLED")
    for script in (getattr(scripts, name),)
}
TEXTS = {getattr(scripts, name).text: name for name in SCRIPTS.values()}


class RespProxy(Relay):
    """Stands before Valkey for one worker."""

    def __init__(self, worker: str, upstream: Path, socket: Path, tap: Tap) -> None:
        super().__init__()
        self._worker, self._upstream, self._socket, self._tap = worker, upstream, socket, tap

    async def start(self) -> str:
        """Listen; the address as redis-py takes it."""
        self._server = await asyncio.start_unix_server(self.accept, self._socket, limit=LIMIT)
        return f"unix://{self._socket}"

    async def connect(self) -> Pair:
        """A connection to the real server."""
        return Pair(*await asyncio.open_unix_connection(self._upstream, limit=LIMIT))

    async def serve(self, down: Pair, up: Pair) -> None:
        """Both directions side by side: subscriptions are told things they did not ask for."""
        waiting: deque[Exchange] = deque()
        async with asyncio.TaskGroup() as group:
            ways = [group.create_task(way(down, up, waiting)) for way in (self._commands, self._answers)]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()

    async def _commands(self, down: Pair, up: Pair, waiting: deque[Exchange]) -> None:
        try:
            while True:
                raw = await _value(down.reader)
                exchange = Exchange(self._worker, "valkey", _label(_bulks(raw)), raw, time.monotonic())
                if not await self._tap.asked(exchange):
                    return
                waiting.append(exchange)
                await up.send(raw)
        except (OSError, EOFError):
            return

    async def _answers(self, down: Pair, up: Pair, waiting: deque[Exchange]) -> None:
        try:
            while True:
                answer = await _value(up.reader)
                # A subscription is told more than it asked for; then nothing is matched any more.
                exchange = waiting.popleft() if waiting else None
                if exchange is not None:
                    exchange.answer = answer
                    if not await self._tap.answered(exchange):
                        return
                await down.send(answer)
        except (OSError, EOFError):
            return


async def _value(reader: asyncio.StreamReader) -> bytes:
    """One value of the protocol, as its bytes."""
    line = await reader.readuntil(b"\r\n")
    kind, count = line[:1], line[1:-2]
    if kind == b"$" and count != b"-1":
        return line + await reader.readexactly(int(count) + 2)
    if kind == b"*" and count != b"-1":
        return line + b"".join([await _value(reader) for _ in range(int(count))])
    return line


def _bulks(raw: bytes) -> list[str]:
    """The words of a command."""
    words, at = [], raw.index(b"\r\n") + 2
    while at < len(raw):
        end = raw.index(b"\r\n", at)
        length = int(raw[at + 1 : end])
        words.append(raw[end + 2 : end + 2 + length].decode(errors="replace"))
        at = end + 2 + length + 2
    return words


def _label(words: list[str]) -> str:
    """`CLAIM 2000 token ...` for a script, `PUBLISH {wq}:wake 1` for anything else."""
    name = words[0].upper()
    if name not in ("EVALSHA", "EVAL"):
        return " ".join([name, *words[1:]])[:400]
    script = (SCRIPTS if name == "EVALSHA" else TEXTS).get(words[1], "UNKNOWN")
    return " ".join([script, *words[3 + int(words[2]) :]])[:400]
