import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from jobs.enqueue import Mark, Queue
from jobs.marks import QueueState
from jobs.probes import Metrics
from jobs.runner import Runner
from jobs.ticker import TICK_S, Ticker, is_emptied, is_wake_up_needed, may_have_lost_marks, pause_after
from tests.valkey import Valkey, until

IDLE = QueueState(
    epoch="e1",
    server="s1",
    interactive=0,
    background=0,
    later=0,
    running=0,
    oldest_age_s=0.0,
    next_due_in_s=None,
    next_timer_in_s=None,
    waking=False,
)


@pytest.mark.parametrize(
    ("due", "waking", "needed"),
    [
        (None, False, False),
        (5.0, False, False),
        (0.0, False, True),
        (-0.2, True, False),
        (-1.5, True, True),  # that wake-up got lost
    ],
)
def test_a_wake_up_is_sent_when_nobody_is_on_the_way(due: float | None, waking: bool, needed: bool) -> None:
    assert is_wake_up_needed(replace(IDLE, next_due_in_s=due, waking=waking)) is needed


@pytest.mark.parametrize(
    ("due", "timer", "pause"),
    [
        (None, None, TICK_S),
        (0.25, 0.25, 0.25),
        (-3.0, 0.1, 0.1),  # what is due but can't be claimed does not make it spin
        (-3.0, None, TICK_S),
        (500.0, 500.0, TICK_S),
    ],
)
def test_it_sleeps_until_the_next_timer(due: float | None, timer: float | None, pause: float) -> None:
    assert pause_after(replace(IDLE, next_due_in_s=due, next_timer_in_s=timer)) == pytest.approx(pause, abs=0.002)


@pytest.mark.parametrize(
    ("before", "epoch", "server", "emptied", "lost"),
    [
        (None, "e1", "s1", False, False),  # a worker that joins
        (None, "", "s1", False, True),  # the first worker of all
        (("e1", "s1"), "e1", "s1", False, False),
        (("e1", "s1"), "", "s1", True, True),
        (("e1", "s1"), "e2", "s1", True, True),
        (("e1", "s1"), "e1", "s2", False, True),  # restarted or failed over
        (("", "s1"), "e2", "s1", False, False),  # filled by another worker
    ],
)
def test_it_tells_when_marks_may_be_lost(
    before: tuple[str, str] | None, epoch: str, server: str, emptied: bool, lost: bool
) -> None:
    state = replace(IDLE, epoch=epoch, server=server)
    assert is_emptied(before, state) is emptied
    assert may_have_lost_marks(before, state) is lost


@contextmanager
def ticking(queue: Queue, mark_everything: Callable[[], Awaitable[None]]) -> Iterator[None]:
    runner = Runner(queue, {}, concurrency=0, metrics=Metrics())
    task = asyncio.create_task(Ticker(queue, runner, mark_everything).run())
    try:
        yield
    finally:
        task.cancel()


async def test_an_epoch_begins_only_when_everything_is_marked(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.ticker.RETRY_S", 0.01)
    tries = 0

    async def mark_everything() -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise RuntimeError("a bug in the first try")
        assert (await queue.state()).epoch == ""
        await queue.mark(Mark("application", "apps/web", "start"))

    async def has_epoch() -> bool:
        return bool((await queue.state()).epoch)

    with ticking(queue, mark_everything):
        await until(has_epoch)
    assert tries == 2
    assert await queue.dirty("application", "apps/web")


async def test_everything_is_marked_again_when_it_was_emptied_meanwhile(queue: Queue, valkey: Valkey) -> None:
    tries = 0

    async def mark_everything() -> None:
        nonlocal tries
        tries += 1
        await queue.mark(Mark("application", "apps/web", "start"))
        if tries == 1:
            async with valkey.client() as client:
                await client.flushall()

    async def has_epoch() -> bool:
        return bool((await queue.state()).epoch)

    with ticking(queue, mark_everything):
        await until(has_epoch)
    assert tries == 2
    assert await queue.dirty("application", "apps/web")
