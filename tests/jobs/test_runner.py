import asyncio
from collections.abc import Iterable, Mapping, Sequence

import pytest
import structlog
from structlog.testing import capture_logs

from jobs.claim import Again, Claim
from jobs.core.limits import claim_limits
from jobs.enqueue import KINDS, Mark, Queue
from jobs.probes import Metrics
from jobs.runner import Handler, Runner
from tests.valkey import Valkey, until


class Bench:
    """A handler whose runs end only when told."""

    def __init__(self) -> None:
        self.running: set[str] = set()
        self.ended: list[str] = []
        self.let = asyncio.Event()

    async def handle(self, claim: Claim) -> Again | None:
        self.running.add(claim.key)
        try:
            await self.let.wait()
            self.ended.append(claim.key)
        finally:
            self.running.discard(claim.key)
        return None


@pytest.fixture
def bench() -> Bench:
    return Bench()


def a_runner(queue: Queue, handle: Handler, concurrency: int = 4) -> Runner:
    kinds = ("repository", "application", "inspect")
    return Runner(queue, dict.fromkeys(kinds, handle), concurrency=concurrency, metrics=Metrics())


def apps(count: int) -> list[Mark]:
    return [Mark("application", f"apps/{n}", "push") for n in range(count)]


async def test_it_runs_as_many_as_it_may_and_then_the_rest(queue: Queue, bench: Bench) -> None:
    await queue.mark(apps(10))
    runner = a_runner(queue, bench.handle)
    jobs = [asyncio.create_task(runner.run_until_empty()) for _ in range(3)]
    await until(lambda: len(bench.running) == 4)
    assert not runner.has_room
    await runner.run_until_empty()  # one arq job more finds no slot and ends
    assert len(bench.running) == 4

    bench.let.set()
    await asyncio.gather(*jobs)
    assert sorted(bench.ended) == sorted(mark.key for mark in apps(10))
    assert runner.has_room


async def test_deploys_never_keep_pushes_and_questions_waiting(queue: Queue, bench: Bench) -> None:
    await queue.mark(apps(6))
    runner = a_runner(queue, bench.handle)
    jobs = [asyncio.create_task(runner.run_until_empty())]
    await until(lambda: len(bench.running) == 4)
    await queue.mark(Mark("repository", "github.com/org/charts", "push"))
    jobs.append(asyncio.create_task(runner.run_until_empty()))
    await until(lambda: "github.com/org/charts" in bench.running)
    assert len(bench.running) == 5
    bench.let.set()
    await asyncio.gather(*jobs)


async def test_what_a_stopped_worker_still_runs_is_handed_back(queue: Queue, bench: Bench) -> None:
    await queue.mark(apps(6))
    runner = a_runner(queue, bench.handle)
    job = asyncio.create_task(runner.run_until_empty())
    await until(lambda: len(bench.running) == 4)
    runner.stop()
    assert not await runner.finished(within_s=0.05)
    await runner.cancel()
    await job

    assert bench.running == set()
    state = await queue.state()
    assert (state.interactive, state.running) == (6, 0)


async def test_ended_runs_write_nothing_and_are_not_done(queue: Queue, bench: Bench) -> None:
    await queue.mark(apps(1))
    runner = a_runner(queue, bench.handle)
    job = asyncio.create_task(runner.run_until_empty())
    await until(lambda: bool(bench.running))
    runner.end_runs("the queue was emptied")
    await job
    assert bench.ended == []
    assert (await queue.state()).running == 1, "nobody said DONE: the lease brings it back"


async def test_a_run_that_asks_to_be_called_again_is(queue: Queue) -> None:
    steps: list[str] = []

    async def handle(claim: Claim) -> Again | None:
        steps.append(claim.hints.get("step", "0"))
        return Again(0, hints={"step": str(len(steps))}) if len(steps) < 3 else None

    await queue.mark(apps(1))
    await a_runner(queue, handle).run_until_empty()
    assert steps == ["0", "1", "2"]


class SlowAnswers(Queue):
    """Claims whose answer arrives only when let through."""

    asked: asyncio.Event
    let: asyncio.Event

    async def claim(self, kinds: Sequence[str] = KINDS, limits: Mapping[str, int] | None = None) -> Claim | None:
        claim = await super().claim(kinds, limits)
        self.asked.set()
        await self.let.wait()
        return claim


async def test_a_mark_made_after_an_empty_claim_but_before_its_answer_is_not_missed(valkey: Valkey) -> None:
    # The wake-up for it finds every slot busy; the busy loop itself has to look again.
    seen: list[str] = []

    async def handle(claim: Claim) -> None:
        seen.append(claim.key)

    queue = SlowAnswers(valkey.url)
    queue.asked, queue.let = asyncio.Event(), asyncio.Event()
    runner = Runner(queue, {"application": handle}, concurrency=1, metrics=Metrics())
    job = asyncio.create_task(runner.run_until_empty())
    await queue.asked.wait()
    await queue.mark(apps(1))
    await runner.run_until_empty()
    assert seen == []
    queue.let.set()
    await job
    assert seen == ["apps/0"]
    await queue.close()


async def test_outcomes_are_counted(queue: Queue) -> None:
    async def handle(claim: Claim) -> Again | None:
        if claim.key == "apps/0":
            raise ZeroDivisionError
        return Again(60) if claim.key == "apps/1" else None

    await queue.mark(apps(3))
    metrics = Metrics()
    await Runner(queue, {"application": handle}, concurrency=1, metrics=metrics).run_until_empty()
    text = (await metrics.text(queue)).decode()
    for outcome in ("done", "again", "failed"):
        assert f'pilothouse_runs_total{{kind="application",outcome="{outcome}"}} 1.0' in text
    assert "pilothouse_queue_running 1.0" in text


async def test_a_long_shift_hands_over_to_a_new_job(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.runner.SHIFT_S", -1.0)  # over before it began
    seen: list[str] = []

    async def handle(claim: Claim) -> None:
        seen.append(claim.key)

    await queue.mark(apps(3))
    await a_runner(queue, handle, concurrency=1).run_until_empty()
    assert 1 <= len(seen) < 3


async def test_every_line_of_a_claim_carries_the_delivery_that_led_to_it(queue: Queue) -> None:
    await queue.mark([Mark("repository", "h/a", "push", hints={"delivery": "d-1"}), Mark("repository", "h/b", "poll")])

    async def handle(claim: Claim) -> Again | None:
        structlog.get_logger().info("seen")
        return None

    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        await a_runner(queue, handle).run_until_empty()
    said = {line["key"]: line.get("delivery") for line in lines if line["event"] == "seen"}
    assert said == {"h/a": "d-1", "h/b": None}


async def test_one_cluster_never_takes_all_slots(queue: Queue, bench: Bench) -> None:
    """Half of them at most, however many of its applications are due, and whether they come one by one or at once."""

    def limits(running: Iterable[str]) -> dict[str, int]:
        return claim_limits([(frozenset({"far"}), True)], running, slots=4)

    handlers = {"application": bench.handle}
    runner = Runner(queue, handlers, concurrency=4, metrics=Metrics(), limits=limits)
    await queue.mark([Mark("application", f"apps/far-{n}", "push", group="cluster:far") for n in range(8)])
    jobs = [asyncio.create_task(runner.run_until_empty()) for _ in range(4)]
    await until(lambda: len(bench.running) == 2)
    await queue.mark([Mark("application", f"apps/near-{n}", "push", group="cluster:near") for n in range(2)])
    jobs.append(asyncio.create_task(runner.run_until_empty()))
    await until(lambda: "apps/near-0" in bench.running)
    assert len(bench.running) == 3, "near has not answered yet: one at a time"
    bench.let.set()
    await asyncio.gather(*jobs)
    assert len(bench.ended) == 10
