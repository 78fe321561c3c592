"""The no-loss rule under load and against a model: no update is lost, and no key runs twice at the same time."""

import asyncio
import collections
import random
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from jobs.claim import boottime
from jobs.core.errors import LostClaim
from jobs.enqueue import Again, Claim, Mark, Queue
from tests.valkey import Valkey

MARKS, APPS, WORKERS = 10_000, 50, 16
LEASE_S = 0.3


class World:
    """What is wanted of each application, and what the last run of it saw."""

    def __init__(self) -> None:
        self.wanted: collections.Counter[str] = collections.Counter()
        self.seen: dict[str, int] = {}
        self.running: dict[str, float] = {}
        self.overlaps: list[str] = []
        self.runs = 0
        self.marked = asyncio.Event()

    def begin(self, claim: Claim) -> int:
        # A run that never reports may be followed by another one only after its lease.
        if self.running.get(claim.key, 0.0) > boottime():
            self.overlaps.append(claim.key)
        self.running[claim.key] = boottime() + claim.lease.left_s
        self.runs += 1
        return self.wanted[claim.key]

    def end(self, key: str, saw: int) -> None:
        self.seen[key] = saw
        self.running.pop(key, None)

    def stale(self) -> list[str]:
        return [key for key, wanted in self.wanted.items() if self.seen.get(key) != wanted]


async def mark_all(world: World, queue: Queue, dice: random.Random) -> None:
    async def some() -> None:
        for _ in range(MARKS // 20):
            key = f"apps/{dice.randrange(APPS)}"
            world.wanted[key] += 1
            await queue.mark(Mark("application", key, "push", background=dice.random() < 0.2))

    await asyncio.gather(*(some() for _ in range(20)))
    world.marked.set()


async def work(world: World, queue: Queue, dice: random.Random) -> None:
    while not (world.marked.is_set() and not world.stale()):
        claim = await queue.claim(["application"])
        if claim is None:
            await asyncio.sleep(0.005)
            continue
        saw = world.begin(claim)
        if dice.random() < 0.03:
            continue  # killed: never says anything again
        await asyncio.sleep(dice.random() * 0.01)
        try:
            claim.require()
        except LostClaim:
            continue
        world.end(claim.key, saw)
        await queue.done(claim)


async def test_no_update_is_lost_and_nothing_runs_twice_at_once(valkey: Valkey) -> None:
    dice, world = random.Random(7), World()
    queues = [Queue(valkey.url, lease_s=LEASE_S) for _ in range(2)]
    async with asyncio.timeout(90):
        await asyncio.gather(
            mark_all(world, queues[0], dice), *(work(world, queues[n % 2], dice) for n in range(WORKERS))
        )

    assert world.stale() == []
    assert world.overlaps == []
    assert world.runs < MARKS, "marks of one key run together"
    assert (await queues[0].state()).running <= APPS
    for queue in queues:
        await queue.close()


KEYS = ("a", "b", "c")


class QueueMachine(RuleBasedStateMachine):
    """The queue against a model that knows only which keys are wanted, held back and claimed."""

    valkey: Valkey
    runner: "asyncio.Runner"
    queue: Queue

    def __init__(self) -> None:
        super().__init__()
        self.dirty: dict[str, bool] = {}
        """key -> all its marks are background"""
        self.held_back: set[str] = set()
        self.ended_during_run: set[str] = set()
        self.claims: dict[str, Claim] = {}
        self.old: list[Claim] = []

    @initialize()
    def start(self) -> None:
        self.runner.run(self.empty())

    async def empty(self) -> None:
        async with self.valkey.client() as client:
            await client.flushall()

    @rule(key=st.sampled_from(KEYS), background=st.booleans(), ends=st.booleans())
    def mark(self, key: str, background: bool, ends: bool) -> None:
        why = "sweep" if background else "push"
        self.runner.run(self.queue.mark(Mark("application", key, why, background=background, ends_backoff=ends)))
        self.dirty[key] = self.dirty.get(key, True) and background
        if ends:
            self.held_back.discard(key)
            self.ended_during_run |= {key} & self.claims.keys()

    @rule()
    def claim(self) -> None:
        due = self.dirty.keys() - self.claims.keys() - self.held_back
        claim = self.runner.run(self.queue.claim())
        if not due:
            assert claim is None
            return
        assert claim is not None
        assert claim.key in due
        self.held_back.discard(claim.key)
        self.claims[claim.key] = claim
        del self.dirty[claim.key]

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), again=st.booleans(), failed=st.booleans())
    def done(self, data: st.DataObject, again: bool, failed: bool) -> None:
        key = data.draw(st.sampled_from(sorted(self.claims)))
        claim = self.claims.pop(key)
        self.old.append(claim)
        wish = Again(0.0 if again else None, not_before_s=600 if failed else None)
        assert self.runner.run(self.queue.done(claim, wish))
        if again:
            self.dirty[key] = self.dirty.get(key, True) and False
        if failed and key not in self.ended_during_run:
            self.held_back.add(key)
        self.ended_during_run.discard(key)

    @precondition(lambda self: self.old)
    @rule(data=st.data())
    def done_too_late(self, data: st.DataObject) -> None:
        claim = data.draw(st.sampled_from(self.old))
        assert not self.runner.run(self.queue.done(claim, Again(0)))
        assert not self.runner.run(self.queue.renew(claim))

    @rule(key=st.sampled_from(KEYS))
    def drop(self, key: str) -> None:
        self.runner.run(self.queue.drop("application", key))
        self.dirty.pop(key, None)
        if key not in self.claims:
            self.held_back.discard(key)

    @rule(key=st.sampled_from(KEYS))
    def killed(self, key: str) -> None:
        """The lease of a claim ends without DONE: the key is due again, its fencing token is worth nothing."""
        claim = self.claims.pop(key, None)
        if claim is None:
            return
        self.runner.run(self.expire(claim))
        self.old.append(claim)
        self.ended_during_run.discard(key)
        self.dirty[key] = False

    async def expire(self, claim: Claim) -> None:
        async with self.valkey.client() as client:
            await client.zadd("{wq}:proc", {f"application:{claim.key}": 1})
            # Its crashes so far are another test's matter: here every crash is a first one.
            await client.hdel("{wq}:crash", f"application:{claim.key}")
        assert await self.queue.claim(["inspect"]) is None, "any claim takes back what has expired"

    @invariant()
    def it_knows_what_waits(self) -> None:
        state = self.runner.run(self.queue.state())
        assert state.running == len(self.claims)
        assert state.interactive + state.background + state.later >= len(self.dirty)
        for key in KEYS:
            assert self.runner.run(self.queue.dirty("application", key)) == (key in self.dirty)


@pytest.fixture
def machine(valkey_server: Valkey) -> Iterator[type[QueueMachine]]:
    async def opened() -> Queue:
        return Queue(valkey_server.url, lease_s=600)

    with asyncio.Runner() as runner:
        QueueMachine.valkey, QueueMachine.runner = valkey_server, runner
        QueueMachine.queue = runner.run(opened())
        yield QueueMachine
        runner.run(QueueMachine.queue.close())


def test_the_queue_behaves_like_its_model(machine: type[QueueMachine]) -> None:
    quick = settings(
        max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    run_state_machine_as_test(machine, settings=quick)


@pytest.fixture
async def fifty_queues(valkey: Valkey) -> AsyncIterator[list[Queue]]:
    queues = [Queue(valkey.url) for _ in range(5)]
    yield queues
    for queue in queues:
        await queue.close()


async def test_concurrent_marks_share_few_writes(fifty_queues: list[Queue], valkey: Valkey) -> None:
    async with valkey.client() as client:
        before = (await client.info("commandstats")).get("cmdstat_evalsha", {}).get("calls", 0)
        await asyncio.gather(
            *(queue.mark(Mark("application", f"apps/{n}", "push")) for queue in fifty_queues for n in range(200))
        )
        calls = (await client.info("commandstats"))["cmdstat_evalsha"]["calls"] - before
    assert calls <= 5 * 3, "the first alone, the others with the next"
