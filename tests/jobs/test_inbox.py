"""What was heard of objects, and which marks come of it: on a real queue, with a given cluster and judgements."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from jobs import inbox as module
from jobs.core.discovery import ApiResource
from jobs.core.errors import Unreachable
from jobs.core.judged import Trace, Traces, trace_of
from jobs.core.objects import ObjectId, identity
from jobs.enqueue import Claim, Mark, Queue
from jobs.inbox import Heard, Inbox
from jobs.valkey import QueueDown
from jobs.view import View
from tests.builders import a_live, a_manifest, an_application_body
from tests.jobs.wire import CONFIG_MAPS
from tests.valkey import until

Json = dict[str, Any]
LIVE = a_live(a_manifest(), metadata={"resourceVersion": "10", "generation": 1}, spec={"replicas": 1})
WEB, JUDGED = identity(LIVE), trace_of(LIVE)
KEY, LAST = "pilothouse/web", "pilothouse/last"


def now(version: int = 11, **fields: Any) -> Trace:
    """The object as it is at a later version."""
    return replace(JUDGED, version=str(version), **fields)


@dataclass
class Judgements:
    """Given traces; away as often as told."""

    known: dict[str, Traces] = field(default_factory=lambda: {KEY: {WEB: JUDGED}})
    away: int = 0
    asked: list[set[str]] = field(default_factory=list)

    async def read(self, keys: Iterable[str], cluster: str) -> dict[str, Traces]:
        """As the real ones."""
        self.asked.append({*keys})
        if self.away:
            self.away -= 1
            raise QueueDown("away")
        return {key: traces for key, traces in self.known.items() if key in self.asked[-1]}


@dataclass
class Cluster:
    """One object, to be looked at whole."""

    live: Mapping[str, Any] | None = None
    fails: bool = False
    looks: int = 0
    server: str = "https://one.example.org"

    async def api_resource(self, group: str, kind: str) -> ApiResource:
        """It serves everything."""
        return CONFIG_MAPS

    async def get(self, resource: ApiResource, namespace: str, name: str) -> Mapping[str, Any] | None:
        """The object, or no answer."""
        self.looks += 1
        if self.fails:
            raise Unreachable("away")
        return self.live


@dataclass
class Office:
    """An inbox that is worked off, and what it stands on."""

    queue: Queue
    judgements: Judgements = field(default_factory=Judgements)
    cluster: Cluster = field(default_factory=Cluster)

    def __post_init__(self) -> None:
        view = View()
        for key in (KEY, LAST):
            view.put(an_application_body(metadata={"name": key.partition("/")[2]}))
        parts: Any = SimpleNamespace(queue=self.queue, judgements=self.judgements, view=view)
        kube: Any = self.cluster
        self.inbox = Inbox(kube, parts)

    def hear(self, trace: Trace, key: str = KEY, target: ObjectId = WEB, **how: bool) -> None:
        """Something is heard of the object."""
        self.inbox.put(key, target, Heard(trace, **how))

    async def outcome(self) -> list[Claim]:
        """All that comes of what was heard until now: a change of another Application, heard last, is awaited."""
        self.hear(replace(now(), uid="another"), LAST)
        await until(lambda: self.queue.dirty("application", LAST))
        found = [claim async for claim in self._claims()]
        return [claim for claim in found if claim.key != LAST]

    async def _claims(self) -> AsyncIterator[Claim]:
        while claim := await self.queue.claim():
            await self.queue.done(claim)
            yield claim

    async def claimed(self) -> Claim:
        """Somebody works on the Application."""
        await self.queue.mark(Mark("application", KEY, "push"))
        claim = await self.queue.claim()
        assert claim is not None
        return claim


@pytest_asyncio.fixture
async def office(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Office]:
    monkeypatch.setattr(module, "RETRY_S", 0.01)
    found = Office(queue)
    working = asyncio.create_task(found.inbox.run())
    yield found
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def test_a_change_of_ours_is_marked_before_everything_else_and_asks_for_a_fresh_look(office: Office) -> None:
    office.hear(now(ours="moved"))
    (claim,) = await office.outcome()
    assert (claim.key, claim.why, claim.background) == (KEY, "drift", False)
    assert claim.hints["fresh"]


async def test_what_tells_nothing_new_marks_nothing(office: Office) -> None:
    office.hear(JUDGED)
    office.hear(now(9, ours="moved"))  # an event that comes late
    office.hear(now(12, others="moved"))
    office.hear(now(12, uid="before"), gone=True)
    assert await office.outcome() == []


async def test_a_fresh_look_is_still_asked_for_when_a_push_names_another_reason(office: Office) -> None:
    office.hear(now(ours="moved"))
    await until(lambda: office.queue.dirty("application", KEY))
    await office.queue.mark(Mark("application", KEY, "push", hints={"after": "c" * 40}))
    claim = await office.queue.claim()
    assert claim is not None
    assert (claim.why, claim.hints["fresh"]) == ("push", "true")


async def test_events_wait_while_the_application_is_deployed_and_our_own_writes_then_tell_nothing(
    office: Office,
) -> None:
    claim = await office.claimed()
    office.hear(now(12, ours="as we wrote it"))
    assert await office.outcome() == [], "judged while somebody is at it"
    office.judgements.known[KEY] = {WEB: now(12, ours="as we wrote it")}
    await office.queue.done(claim)
    assert await office.outcome() == []


async def test_what_somebody_else_wrote_meanwhile_is_marked_once_the_claim_has_ended(office: Office) -> None:
    claim = await office.claimed()
    office.hear(now(12, ours="as we wrote it"))
    office.hear(now(13, ours="by hand"))
    assert await office.outcome() == []
    office.judgements.known[KEY] = {WEB: now(12, ours="as we wrote it")}
    await office.queue.done(claim)
    await until(lambda: office.queue.dirty("application", KEY))
    (claim,) = await office.outcome()
    assert claim.why == "drift"


async def test_of_what_waits_the_newest_counts_although_an_older_list_comes_later(office: Office) -> None:
    claim = await office.claimed()
    office.hear(now(13), gone=True)
    assert await office.outcome() == []
    office.hear(now(11), swept=True)
    assert await office.outcome() == []
    await office.queue.done(claim)
    await until(lambda: office.queue.dirty("application", KEY))
    (claim,) = await office.outcome()
    assert claim.why == "drift"


async def test_many_events_are_one_question(office: Office) -> None:
    keys = [f"pilothouse/web-{number}" for number in range(50)]
    office.judgements.known = {key: {WEB: JUDGED} for key in keys}
    for version in (11, 12):
        for key in keys:
            office.hear(now(version, ours="moved"), key)
    claims = await office.outcome()
    assert sorted(claim.key for claim in claims) == sorted(keys)
    assert office.judgements.asked[0] >= {*keys}
    assert len(office.judgements.asked) <= 2, "the last one may have come too late for the first question"


async def test_a_valkey_that_is_away_loses_nothing(office: Office) -> None:
    office.judgements.away = 3
    office.hear(now(ours="moved"))
    await until(lambda: len(office.judgements.asked) >= 2)
    office.hear(now(12), gone=True)
    (claim,) = await office.outcome()
    assert claim.why == "drift"


async def test_one_look_tells_that_an_object_was_only_scaled(office: Office) -> None:
    office.cluster.live = LIVE | {"spec": {"replicas": 3}, "metadata": LIVE["metadata"] | {"resourceVersion": "13"}}
    for _ in range(2):
        office.hear(now(13, generation=2))
        assert await office.outcome() == []
    assert office.cluster.looks == 1, "what was looked at is remembered"


@pytest.mark.parametrize("live", [None, LIVE | {"data": {"a": "by hand"}}])
async def test_a_look_that_finds_anything_else_leaves_it_to_a_comparison(office: Office, live: Json | None) -> None:
    office.cluster.live = live
    office.hear(now(13, generation=2))
    (claim,) = await office.outcome()
    assert claim.why == "drift"


async def test_so_does_a_cluster_that_does_not_answer(office: Office) -> None:
    office.cluster.fails = True
    office.hear(now(13, generation=2))
    assert len(await office.outcome()) == 1


async def test_no_more_is_remembered_than_may_be(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 0)
    office.cluster.live = LIVE
    for looks in (1, 2):
        office.hear(now(13, generation=2))
        assert await office.outcome() == []
        assert office.cluster.looks == looks


async def test_a_hook_or_a_copy_counts_only_if_it_was_judged(office: Office) -> None:
    other = replace(WEB, name="other")
    office.hear(now(), target=other, odd=True)
    assert await office.outcome() == []
    office.hear(now(ours="made to look like a hook"), odd=True)
    assert len(await office.outcome()) == 1


async def test_where_nothing_was_judged_even_a_hook_is_looked_at(office: Office) -> None:
    """After a wipe nobody can tell a hook from an object of ours that was made to look like one."""
    office.judgements.known = {}
    office.hear(now(), odd=True)
    assert len(await office.outcome()) == 1


async def test_what_a_list_tells_to_have_moved_is_compared_behind_everything_else(office: Office) -> None:
    office.hear(now(others="moved"), swept=True)
    (claim,) = await office.outcome()
    assert (claim.why, claim.background) == ("sweep", True)
    office.hear(JUDGED, swept=True)
    assert await office.outcome() == []
