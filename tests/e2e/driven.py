"""One test's worker: claims and works off what is due, step by step. No loop runs, so a test sees every state."""

import asyncio
import time
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from jobs.claim import Again, Claim
from jobs.enqueue import Mark
from jobs.parts import Parts
from tests.e2e.live import Live
from tests.valkey import until

SETTLED_S = 20.0
"""Longest time `settle` takes before the test fails, in seconds."""
POKE_S = 0.05
"""A waiting run is looked at again after this: its own timer would make the tests slow."""


@dataclass(slots=True)
class Driven(Live):
    """The worker's side of a test, and its Applications by name."""

    token: str
    """Unique: part of every name that other tests could clash with."""
    names: set[str] = field(default_factory=set, kw_only=True)
    """Applications of this test."""
    log: list[tuple[str, Again | None]] = field(default_factory=list, kw_only=True)
    """Every claim that was worked off: `kind:key` and what the handler asked for."""
    parts: Parts = field(init=False)
    """What the handlers work with; a test may replace it."""

    def __post_init__(self) -> None:
        """The shared parts, until a test asks for others."""
        self.parts = self.ground.parts

    def name(self, name: str) -> str:
        """The Application's name in the cluster."""
        return f"{name}-{self.token}"

    async def sweep(self, name: str = "app", *, settle: bool = True) -> None:
        """The mark that the drift sweep leaves."""
        key = f"{self.ground.home}/{self.name(name)}"
        await self.ground.queue.mark(Mark("application", key, "sweep", background=True, ends_backoff=True))
        if settle:
            await self.settle()

    async def step(self, name: str = "") -> Again | None:
        """Work off one claim, that of an Application if one is named; fails if it is not due."""
        passed = []
        while claim := await self.ground.queue.claim():
            if not name or claim.key == f"{self.ground.home}/{self.name(name)}":
                break
            passed.append(claim)
        for other in passed:
            await self.ground.queue.hand_back(other)
        assert claim is not None, f"{name or 'nothing'} is not due"
        return await self._work_off(claim)

    async def settle(self, *, waits: bool = True) -> None:
        """Work off what is due until nothing is and no run waits. waits=False: runs that wait are left waiting.

        Runs that failed and are to be tried again later are left alone.
        """
        async with asyncio.timeout(SETTLED_S):
            while True:
                worked, _ = await self.work_off_one()
                if worked:
                    continue
                waiting = [key for key, again in dict(self.log).items() if again and _waits(again)]
                if not (waiting and waits):
                    break
                await asyncio.sleep(POKE_S)
                await self._poke(waiting)
        await self._view_is_fresh()

    async def _poke(self, waiting: list[str]) -> None:
        """Marks as the timers of waiting runs leave them, now."""
        last = dict(self.log)
        for member in waiting:
            kind, _, key = member.partition(":")
            again = last[member]
            await self.ground.queue.mark(Mark(kind, key, "wait", hints=again.hints if again else None))

    async def work_off_one(self) -> tuple[bool, Again | None]:
        claim = await self.ground.queue.claim()
        return (True, await self._work_off(claim)) if claim else (False, None)

    async def _work_off(self, claim: Claim) -> Again | None:
        handler = partial(self.ground.work.handlers[claim.kind].func, parts=self.parts)  # type: ignore[attr-defined]
        async with claim.held():
            again: Again | None = await handler(claim)
        await self.ground.queue.done(claim, again)
        self.log.append((f"{claim.kind}:{claim.key}", again))
        return again

    async def until_marked(self, full: str) -> None:
        """Wait until the watch has told the queue of a change; a mark for a later try doesn't count."""
        member = f"application:{self.ground.home}/{full}"
        async with self.ground.valkey.client() as client:

            async def is_due() -> bool:
                due = await client.zscore("{wq}:dirty:i", member)
                return due is not None and due / 1000 <= time.time()

            await until(is_due)

    async def _view_is_fresh(self) -> None:
        """Wait until the worker's view has every Application as it is now: other runs look into it."""
        for full in self.names:
            body = await self.get("Application", full)
            if body is not None and body["metadata"].get("resourceVersion"):
                await until(partial(self._has, f"{self.ground.home}/{full}", body["metadata"]["resourceVersion"]))

    def _has(self, key: str, version: str) -> bool:
        known = self.ground.parts.view.get(key)
        return known is None or known.resource_version == version

    def with_settings(self, **changes: Any) -> None:
        """Let this test's handlers work with other settings."""
        changed = self.parts.settings.model_copy(update=changes)
        self.parts = replace(self.parts, settings=changed)

    async def close(self) -> None:
        """Take everything of this test away; namespaces go in the background."""
        for full in self.names:
            body = await self.get("Application", full)
            if body is not None and body["metadata"].get("finalizers"):
                await self.patch("Application", full, {"metadata": {"finalizers": None}})
            await self.ground.kube("DELETE", self._path("Application", full))
        view = self.ground.parts.view
        await until(lambda: not any(f"{self.ground.home}/{full}" in tuple(view) for full in self.names))
        await asyncio.sleep(0)
        async with self.ground.valkey.client() as client:
            await client.flushall()
        for kind, name in self.leftovers:
            await self.ground.kube("DELETE", self._path(kind, name))
        await self.ground.kube("DELETE", f"/api/v1/namespaces/{self.namespace}")


def _waits(again: Again) -> bool:
    """Whether a run let go to wait for health, or for objects to be gone; failures come back later."""
    return again.why == "wait" and again.in_s is not None
