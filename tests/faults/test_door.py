"""The receiver and Valkey killed and frozen while deliveries arrive: what was answered with 202 is durably marked.

No worker runs here, so that every mark can be looked at. The long run, with a worker that deploys: test_door_long.py.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from deploy.bench.load import KUBECONFIG
from deploy.demo.processes import Child, free_port
from deploy.demo.stage import _answers
from tests.faults.deliveries import Sending, made_up, remembered, unmarked
from tests.valkey import Valkey, until

SECRET = "open-sesame-42"
COUNT = 400
FROZEN_S = 2.5
"""Longer than the receiver waits for a mark."""


class Door:
    """A receiver with a Valkey, both of this test's own."""

    def __init__(self, folder: Path, valkey: Valkey) -> None:
        self.valkey, self.port = valkey, free_port()
        self._folder = folder
        self.process: Child

    @property
    def url(self) -> str:
        """Where it listens, after a restart as well."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        kubeconfig = self._folder / "kubeconfig"
        kubeconfig.write_text(json.dumps(KUBECONFIG))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PILOTHOUSE_")} | {
            "KUBECONFIG": str(kubeconfig),
            "PILOTHOUSE_REDIS_URL": self.valkey.url.get_secret_value(),
            "PILOTHOUSE_LISTEN": f"127.0.0.1:{self.port}",
            "PILOTHOUSE_WEBHOOK_GITHUB_SECRET": SECRET,
        }
        command = [sys.executable, "-m", "receiver"]
        self.process = await Child.start("receiver", command, log=self._folder / "receiver.log", env=environment)
        await self.process.ready(lambda: _answers(f"{self.url}/healthz"))


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    valkey = Valkey().start()
    made = Door(tmp_path, valkey)
    await made.start()
    yield made
    await made.process.stop(within_s=5.0)
    valkey.remove()


async def sent_while(door: Door, fault: Callable[[Sending], Coroutine[Any, Any, None]], what: str) -> Sending:
    """Send everything while the fault happens; the answers."""
    sending = Sending(lambda: door.url, SECRET, made_up(COUNT))
    began_at = time.monotonic()
    async with asyncio.TaskGroup() as group:
        group.create_task(sending.run())
        group.create_task(fault(sending))
    sending.tell(what, time.monotonic() - began_at)
    return sending


async def test_what_a_killed_receiver_took_is_marked(door: Door) -> None:
    async def kill(sending: Sending) -> None:
        await sending.reached(0.4)
        sending.open.clear()
        await door.process.kill()
        await door.start()
        sending.open.set()

    sending = await sent_while(door, kill, "receiver killed")
    taken, lost = sending.of(202), sending.of(0)
    assert len(taken) + len(lost) == COUNT
    assert lost, "it was killed while nothing was under way: nothing was shown"
    assert await unmarked(door.valkey.url.get_secret_value(), taken) == []


async def test_what_was_taken_or_refused_while_valkey_was_killed_is_marked(door: Door) -> None:
    async def kill(sending: Sending) -> None:
        await sending.reached(0.3)
        door.valkey.kill()
        await sending.reached(0.45)
        await asyncio.to_thread(door.valkey.start)

    sending = await sent_while(door, kill, "Valkey killed")
    assert len(sending.of(202, 503)) == COUNT
    assert sending.of(503), "it was away while nothing came: nothing was shown"
    await until(lambda: nothing_is_remembered(door), within_s=20)
    assert await unmarked(door.valkey.url.get_secret_value(), sending.planned) == []


async def test_what_was_taken_or_refused_while_valkey_was_frozen_is_marked(door: Door) -> None:
    async def freeze(sending: Sending) -> None:
        await sending.reached(0.3)
        door.valkey.freeze()
        await asyncio.sleep(FROZEN_S)
        door.valkey.thaw()

    sending = await sent_while(door, freeze, "Valkey frozen")
    assert len(sending.of(202, 503)) == COUNT
    assert sending.of(503)
    await until(lambda: nothing_is_remembered(door), within_s=20)
    assert await unmarked(door.valkey.url.get_secret_value(), sending.planned) == []


async def nothing_is_remembered(door: Door) -> bool:
    return await remembered(door.url) == 0
