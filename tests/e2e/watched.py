"""A flow that is watched and worked off by itself, as in a worker: a test only changes things and waits."""

import asyncio
from typing import Any

from jobs.watch import watch
from tests.e2e.harness import Flow

QUIET_S = 0.4
"""Longer than any event of what was just done takes."""


class Watched:
    """A flow whose marks are worked off at once, whoever leaves them."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.whys: list[str] = []
        """The reason of each claim of an Application."""
        self.tasks: list[asyncio.Task[None]] = []

    async def work(self) -> None:
        while True:
            claim = await self.flow.ground.queue.claim()
            if claim is None:
                await asyncio.sleep(0.005)
                continue
            if claim.kind == "application":
                self.whys.append(claim.why)
            try:
                await self.flow._work_off(claim)
            except asyncio.CancelledError:
                await self.flow.ground.queue.hand_back(claim)  # as a worker that is told to stop
                raise

    async def deploy(self, body: str, **fields: Any) -> None:
        """Deploy the one file; from then on everything is worked off by itself."""
        self.flow.repo.push({"app/web.yaml": body})
        await self.flow.deploy(**fields)
        self.begin()
        await asyncio.sleep(QUIET_S)
        self.whys.clear()

    def begin(self) -> None:
        """Watch and work, once more after `end`."""
        self.tasks = [asyncio.create_task(self.work()), asyncio.create_task(watch(self.flow.parts))]

    async def end(self) -> None:
        """Watch and work no more."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
