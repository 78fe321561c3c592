"""What comparisons found, kept for all workers in a real Valkey."""

from collections.abc import AsyncIterator

import pytest_asyncio

from jobs.core.judged import trace_of
from jobs.judgements import NAME, Judgements
from tests.builders import a_live, a_manifest
from tests.valkey import Valkey

HERE, THERE = "https://one.example.org", "https://two.example.org"
MANIFEST = a_manifest()
TRACES = {MANIFEST.id: trace_of(a_live(MANIFEST))}


@pytest_asyncio.fixture
async def judgements(valkey: Valkey) -> AsyncIterator[Judgements]:
    found = Judgements(valkey.url)
    yield found
    await found.close()


async def test_what_one_worker_wrote_another_reads(judgements: Judgements, valkey: Valkey) -> None:
    await judgements.write("apps/web", HERE, TRACES)
    other = Judgements(valkey.url)
    assert await other.read(["apps/web", "apps/never"], HERE) == {"apps/web": TRACES}
    assert await other.read(["apps/web"], THERE) == {}, "another cluster's objects are others"
    await other.close()


async def test_what_says_the_same_is_not_written_again(judgements: Judgements, valkey: Valkey) -> None:
    async with valkey.client() as client:
        await judgements.write("apps/web", HERE, TRACES)
        written = (await client.info("commandstats"))["cmdstat_hset"]["calls"]
        await judgements.write("apps/web", HERE, TRACES)
        assert (await client.info("commandstats"))["cmdstat_hset"]["calls"] == written
        await judgements.write("apps/web", HERE, {})
        assert (await client.info("commandstats"))["cmdstat_hset"]["calls"] == written + 1


async def test_what_a_wiped_valkey_forgot_is_written_again(judgements: Judgements, valkey: Valkey) -> None:
    await judgements.write("apps/web", HERE, TRACES)
    async with valkey.client() as client:
        await client.flushall()
    await judgements.write("apps/web", HERE, TRACES)
    assert await judgements.read(["apps/web"], HERE) == {"apps/web": TRACES}


async def test_what_another_worker_wrote_since_is_replaced(judgements: Judgements, valkey: Valkey) -> None:
    other = Judgements(valkey.url)
    await judgements.write("apps/web", HERE, {})
    await other.write("apps/web", HERE, TRACES)
    await judgements.write("apps/web", HERE, {})  # what was there for a while is gone again
    assert await other.read(["apps/web"], HERE) == {"apps/web": {}}
    await other.close()


async def test_a_dropped_or_unreadable_entry_is_none(judgements: Judgements, valkey: Valkey) -> None:
    await judgements.write("apps/web", HERE, TRACES)
    await judgements.drop("apps/web")
    async with valkey.client() as client:
        await client.hset(NAME, "apps/old", b'["https://one.example.org", [["", "Pod"]]]')
        await client.hset(NAME, "apps/odd", b"\x00")
    assert await judgements.read(["apps/web", "apps/old", "apps/odd"], HERE) == {}
