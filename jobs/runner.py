"""Works the dirty queue off inside one worker: claim, run the kind's handler, done, until nothing is claimable.

When it is called is the business of jobs/worker.py and jobs/ticker.py; what is done with a claim is the handlers'.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping

import structlog

from jobs.claim import Again, Claim
from jobs.core.errors import LostClaim
from jobs.enqueue import Queue
from jobs.probes import Metrics
from jobs.valkey import QueueDown

Handler = Callable[[Claim], Awaitable[Again | None]]
"""Works one claim off and says when to be called again. The claim is held (renewed) around it.

An exception is a bug: DONE is not said, so the lease runs out and the mark comes back, later each time.
"""

Limits = Callable[[Iterable[str]], Mapping[str, int]]
"""The limit groups of all claims that run here -> the limits for the next one, beside those of the queue."""

QUICK_SLOTS = 2
"""Slots that deploys never fill: a push must be looked at and a question answered while all of them are busy."""
EMPTY_S, EMPTY_SHARE = 0.02, 20.0
"""How long "nothing claimable" is believed by loops that go on: 20 ms, or 20 times as long as the question took.

Thousands of marks may wait for a limit, and each look goes through all of them. A wake-up asks again at once.
"""
SHIFT_S = 60.0
"""An arq job that goes on for longer hands over to a new one: arq may only ever forget little."""

log = structlog.get_logger()


def no_limits(_: Iterable[str]) -> Mapping[str, int]:
    """Those of the queue are enough."""
    return {}


class _Slots:
    """So many loops at once, for these kinds."""

    def __init__(self, kinds: tuple[str, ...], most: int) -> None:
        self.kinds = kinds
        self._most = most if kinds else 0
        self._loops: set[asyncio.Task[None]] = set()

    @property
    def loops(self) -> "set[asyncio.Task[None]]":
        """Those that go on. A loop is not counted from the very moment it returns: a wake-up then needs a new one."""
        self._loops = {loop for loop in self._loops if not loop.done()}
        return self._loops

    @property
    def are_free(self) -> bool:
        return len(self.loops) < self._most

    def add(self, loop: "asyncio.Task[None]") -> None:
        self._loops.add(loop)


class Runner:
    """The loops of one worker. At most `concurrency` claims at once, and two more that are no deploys."""

    def __init__(
        self,
        queue: Queue,
        handlers: Mapping[str, Handler],
        *,
        concurrency: int,
        metrics: Metrics,
        limits: Limits = no_limits,
    ) -> None:
        self._queue = queue
        self._handlers = handlers
        self._limits = limits
        self._metrics = metrics
        self._claiming = asyncio.Lock()
        every = tuple(handlers)
        quick = tuple(kind for kind in every if kind != "application")
        self._slots = [_Slots(every, concurrency), _Slots(quick, QUICK_SLOTS)]
        self._claims: set[Claim] = set()
        self._calls = 0
        self._empty_until = 0.0
        self._stopping = False

    @property
    def has_room(self) -> bool:
        """Could it claim something now? When not, it will by itself as soon as a run ends."""
        return not self._stopping and self._slots[0].are_free

    async def run_until_empty(self) -> None:
        """Work off what is due; returns when nothing more can be claimed, or after a shift. Any number at once."""
        self._calls += 1
        self._empty_until = 0.0
        async with asyncio.TaskGroup() as group:
            self._grow(group, time.monotonic() + SHIFT_S)

    def end_runs(self, reason: str) -> None:
        """Give every claim up for lost: its run is cancelled and writes nothing more."""
        for claim in self._claims:
            claim.lease.lose(reason)

    def stop(self) -> None:
        """Claim nothing any more."""
        self._stopping = True

    async def finished(self, within_s: float) -> bool:
        """Wait for the runs under way; False: some still go on."""
        if loops := self._loops():
            await asyncio.wait(loops, timeout=within_s)
        return not self._loops()

    async def cancel(self) -> None:
        """End the runs under way; their claims are handed back, due at once."""
        self._stopping = True
        for loop in self._loops():
            loop.cancel()
        await self.finished(within_s=5.0)

    def _grow(self, group: asyncio.TaskGroup, until: float) -> None:
        """One loop more, if there is a slot. Each success calls it, so there are soon as many as are needed."""
        if time.monotonic() < self._empty_until:
            return
        slots = next((slots for slots in self._slots if slots.are_free), None)
        if slots is not None and not self._stopping:
            slots.add(group.create_task(self._loop(slots.kinds, group, until)))

    def _loops(self) -> set[asyncio.Task[None]]:
        return {loop for slots in self._slots for loop in slots.loops}

    async def _loop(self, kinds: tuple[str, ...], group: asyncio.TaskGroup, until: float) -> None:
        while not self._stopping:
            calls, asked_at = self._calls, time.monotonic()
            claim = await self._claim(kinds)
            if claim is not None:
                self._grow(group, until)
                await self._work_off(claim)
                if time.monotonic() > until:
                    await self._queue.wake()
                    return
                continue
            now = time.monotonic()
            self._empty_until = now + max(EMPTY_S, EMPTY_SHARE * (now - asked_at))
            if calls == self._calls:  # else somebody was woken while we asked: what they were woken for may be new
                return

    async def _claim(self, kinds: tuple[str, ...]) -> Claim | None:
        """One after the other: each must be counted before the next, or together they get past a limit."""
        async with self._claiming:
            running = [group for claim in self._claims for group in claim.groups]
            try:
                claim = await self._queue.claim(kinds, self._limits(running))
            except QueueDown as error:
                log.warning("claim failed", error=error.message)
                return None
            if claim is not None:
                self._claims.add(claim)
            return claim

    async def _work_off(self, claim: Claim) -> None:
        self._metrics.waited.labels(claim.kind).observe(claim.waited_s)
        push = {"delivery": claim.hints["delivery"]} if claim.hints.get("delivery") else {}
        try:
            with structlog.contextvars.bound_contextvars(kind=claim.kind, key=claim.key, why=claim.why, **push):
                outcome = await self._outcome(claim)
        finally:
            self._claims.discard(claim)
        self._metrics.runs.labels(claim.kind, outcome).inc()
        if outcome == "lost":
            self._metrics.lost.labels(claim.kind).inc()

    async def _outcome(self, claim: Claim) -> str:
        """done; again: it asked to be called again; lost: somebody else has the claim; failed: a bug, or no queue."""
        try:
            async with claim.held():
                again = await self._run(claim)
            said = await self._queue.done(claim, again)
        except asyncio.CancelledError:
            await self._hand_back(claim)
            raise
        except LostClaim as error:
            log.warning("claim lost", error=error.message)
            return "lost"
        except QueueDown as error:
            log.warning("queue lost during a run", error=error.message)
            return "failed"
        except Exception:
            log.exception("run failed by a bug", generation=claim.generation, crashes=claim.crashes)
            return "failed"
        if not said:
            return "lost"
        return "done" if again is None or again.in_s is None else "again"

    async def _run(self, claim: Claim) -> Again | None:
        if self._stopping:  # claimed at the very moment of the stop
            return Again(0.0, why=claim.why, background=claim.background, hints=claim.hints)
        return await self._handlers[claim.kind](claim)

    async def _hand_back(self, claim: Claim) -> None:
        self._metrics.runs.labels(claim.kind, "handed_back").inc()
        try:
            await self._queue.hand_back(claim)
        except QueueDown as error:
            log.warning("claim not handed back, its lease must run out", error=error.message)
