"""The clock of one worker: wakes when a timer, a back-off or a lease runs out, and notices when Valkey was emptied.

It looks only; claims are made by the arq job that it wakes.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

import structlog

from jobs.enqueue import Queue
from jobs.marks import QueueState
from jobs.runner import Runner
from jobs.valkey import QueueDown

TICK_S = 1.0
"""Longest pause between two looks: what another worker timed, or what a killed one held, is found this late."""
STALE_S = 1.0
"""A mark that is due for so long although a wake-up is under way: that wake-up got lost."""
RETRY_S = 5.0

log = structlog.get_logger()


class Ticker:
    """Runs for ever beside the arq worker."""

    def __init__(self, queue: Queue, runner: Runner, mark_everything: Callable[[], Awaitable[None]]) -> None:
        """mark_everything: called when marks may have been lost; it may raise QueueDown and is then called again."""
        self._queue = queue
        self._runner = runner
        self._mark_everything = mark_everything
        self._seen: tuple[str, str] | None = None
        self._to_fill = False
        self._filling: asyncio.Task[None] | None = None
        self.ticked_at = time.monotonic()
        """time.monotonic() of the last tick."""

    async def run(self) -> None:
        """Until it is cancelled."""
        try:
            while True:
                self._queue.timer_set.clear()
                pause = await self._tick()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._queue.timer_set.wait()
        finally:
            if self._filling is not None:
                self._filling.cancel()

    async def _tick(self) -> float:
        """One look; returns the seconds until the next."""
        self.ticked_at = time.monotonic()
        try:
            state = await self._queue.state()
        except QueueDown as error:
            log.warning("queue down", error=error.message)
            return TICK_S
        self._compare(state)
        if is_wake_up_needed(state) and self._runner.has_room:
            await self._queue.wake()
        return pause_after(state)

    def _compare(self, state: QueueState) -> None:
        before, self._seen = self._seen, (state.epoch, state.server)
        if is_emptied(before, state):
            self._runner.end_runs("the queue (Valkey) was emptied")
        if may_have_lost_marks(before, state):
            self._to_fill = True
        if self._to_fill and (self._filling is None or self._filling.done()):
            self._filling = asyncio.create_task(self._fill())

    async def _fill(self) -> None:
        log.warning("the queue may have lost marks, marking everything")
        try:
            note = await self._queue.begin_filling()
            await self._mark_everything()
            self._to_fill = await self._queue.filled(note) is None
        except QueueDown as error:
            log.warning("queue down while everything is marked", error=error.message)
        except Exception:
            log.exception("marking everything failed by a bug")
            await asyncio.sleep(RETRY_S)


def is_emptied(before: tuple[str, str] | None, state: QueueState) -> bool:
    """Is the epoch in which the present claims were made over? before: epoch and server of the last look."""
    return before is not None and before[0] not in ("", state.epoch)


def may_have_lost_marks(before: tuple[str, str] | None, state: QueueState) -> bool:
    """No epoch: emptied. Another server: restarted or failed over, and who knows what its disk has kept.

    An epoch begun by another worker is as good as one of our own: it has marked everything.
    """
    return not state.epoch or is_emptied(before, state) or (before is not None and before[1] != state.server)


def is_wake_up_needed(state: QueueState) -> bool:
    """Something can be claimed, and nobody is on the way to do it."""
    due = state.next_due_in_s
    return due is not None and due <= 0 and (not state.waking or due < -STALE_S)


def pause_after(state: QueueState) -> float:
    """Until the next timer, and at most a tick."""
    nexts = [TICK_S, state.next_timer_in_s, state.next_due_in_s]
    # A millisecond more: times are rounded.
    return min(pause for pause in nexts if pause is not None and pause > 0) + 0.001
