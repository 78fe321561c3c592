"""A receiver served from a thread of its own, for tests that send it raw bytes and are no coroutines."""

import asyncio
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from receiver import __main__ as main
from receiver.settings import ReceiverSettings
from tests.receiver import apiserver
from tests.receiver.recorded import SECRET
from tests.valkey import Valkey

TOKEN = "a-readers-token"
TIMEOUT_S = 10.0
QUICK_S = 0.1
"""To be set: what is left out of a request is not waited for as long as in the product."""


class Served:
    """Where it listens, what its routes are, and what went wrong inside it."""

    def __init__(self) -> None:
        self.port = 0
        self.routes: list[tuple[str, str]] = []
        """Method and pattern."""
        self.wrongs: list[str] = []
        """Exceptions that nobody caught."""

    def ask(self, data: bytes) -> int:
        """Send bytes; the status of the first answer, 0: it hung up without one."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT_S) as wire:
            try:
                wire.sendall(data)
                while True:
                    head = _head(wire)
                    if not head.startswith(b"HTTP/1.1 100"):
                        return int(head.split()[1]) if head else 0
            except (ConnectionError, BrokenPipeError):
                return 0  # it hung up first, which it may


def _head(wire: socket.socket) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        if not (sign := wire.recv(1)):
            return b""
        head += sign
    return head


@contextmanager
def receiver(valkey: Valkey, folder: Path) -> Iterator[Served]:
    """Serve until the block ends."""
    served, started, loop = Served(), threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        loop.set_exception_handler(lambda _, context: served.wrongs.append(str(context)))
        async with apiserver.running() as api:
            api.secrets["pilothouse-secret"] = {"webhook.github.secret": SECRET.decode()}
            api.application("shop")
            api.user(TOKEN, "ada", "get", "list", "sync")
            given: dict[str, Any] = {"KUBECONFIG": str(api.kubeconfig(folder)), "redis_url": valkey.url}
            runner = await main.runner_of(ReceiverSettings(**given))
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            served.port = runner.addresses[0][1]
            served.routes = [
                (route.method, route.resource.canonical) for route in runner.app.router.routes() if route.resource
            ]
            started.set()
            await stop.wait()
            await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert started.wait(30)
    try:
        with silence():
            yield served
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        loop.close()


@contextmanager
def silence() -> Iterator[None]:
    """As in the product: aiohttp's server quotes what is no HTTP."""
    logger = logging.getLogger("aiohttp.server")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(level)
