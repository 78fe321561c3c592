"""What becomes of marks and claims when Valkey hangs, dies or comes back; and the addresses it may have."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr
from redis.asyncio.sentinel import SentinelConnectionPool

from jobs.claim import boottime
from jobs.core.errors import LostClaim
from jobs.enqueue import LIMIT_S, Claim, Mark, Queue, QueueDown, arq_client
from jobs.settings import SettingsError
from jobs.valkey import SOCKET_TIMEOUT_S, pool_for
from tests.valkey import Valkey, until

MARK = Mark("application", "apps/web", "push")


@pytest.fixture
async def frail(own_valkey: Valkey) -> AsyncIterator[Queue]:
    """A queue on a server of its own."""
    queue = Queue(own_valkey.url, lease_s=1.0)
    yield queue
    await queue.close()


async def test_an_acknowledged_mark_survives_kill_9(frail: Queue, own_valkey: Valkey) -> None:
    for n in range(5):
        await frail.mark(Mark("application", f"apps/{n}", "push"))
    own_valkey.kill()
    own_valkey.start()
    assert (await frail.state()).interactive == 5


async def test_a_mark_waits_for_a_valkey_that_restarts(frail: Queue, own_valkey: Valkey) -> None:
    await frail.mark(MARK)
    own_valkey.kill()
    marking = asyncio.create_task(frail.mark(Mark("application", "apps/second", "push")))
    await asyncio.sleep(0)
    own_valkey.start()
    await marking
    assert (await frail.state()).interactive == 2


async def test_marks_on_a_hung_valkey_fail_in_time(frail: Queue, own_valkey: Valkey) -> None:
    await frail.mark(MARK)
    own_valkey.freeze()
    began = boottime()
    answers = await asyncio.gather(*(frail.mark(MARK, limit_s=0.3) for _ in range(20)), return_exceptions=True)
    assert all(isinstance(answer, QueueDown) for answer in answers)
    assert boottime() - began < LIMIT_S

    own_valkey.thaw()
    await frail.mark(MARK)
    assert await frail.claim() is not None


async def test_marks_without_a_valkey_fail_and_say_so(frail: Queue, own_valkey: Valkey) -> None:
    own_valkey.kill()
    with pytest.raises(QueueDown, match="Valkey") as caught:
        await frail.mark(MARK, limit_s=0.2)
    assert caught.value.retry_after_s == 5.0
    assert caught.value.__cause__ is None
    with pytest.raises(QueueDown):
        await frail.claim()
    await frail.wake()  # no error: a mark is kept without it, and the next tick finds it


async def test_a_cancelled_mark_leaves_the_others_alone(frail: Queue) -> None:
    tasks = [asyncio.create_task(frail.mark(Mark("application", f"apps/{n}", "push"))) for n in range(10)]
    await asyncio.sleep(0)
    tasks[3].cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [answer for answer in answers if not isinstance(answer, asyncio.CancelledError)] == [None] * 9


async def test_a_wiped_valkey_has_another_server_and_no_epoch(frail: Queue, own_valkey: Valkey) -> None:
    note = await frail.begin_filling()
    epoch = await frail.filled(note)
    before = await frail.state()
    assert before.epoch == epoch
    own_valkey.kill()
    own_valkey.wipe_and_start()
    after = await frail.state()
    assert after.epoch == ""
    assert after.server != before.server


async def test_a_lease_that_cannot_be_renewed_ends_the_work_in_time(frail: Queue, own_valkey: Valkey) -> None:
    await frail.mark(MARK)
    claim = await frail.claim()
    assert claim is not None
    own_valkey.freeze()
    began = boottime()
    with pytest.raises(LostClaim, match="renewed"):
        await held_for_ever(claim)
    assert boottime() - began < 1.5, "when the lease is over, somebody else may begin"
    own_valkey.thaw()


async def test_a_short_loss_of_valkey_costs_no_claim(frail: Queue, own_valkey: Valkey) -> None:
    await frail.mark(MARK)
    claim = await frail.claim()
    assert claim is not None
    async with claim.held():
        own_valkey.kill()
        own_valkey.start()
        await asyncio.sleep(1.2)
        claim.require()
    assert await frail.done(claim)


async def held_for_ever(claim: Claim) -> None:
    async with claim.held():
        await asyncio.sleep(60)


@pytest.mark.parametrize("steps", range(12))
async def test_a_cancellation_is_never_swallowed(valkey: Valkey, steps: int) -> None:
    # At whichever step of the event loop it arrives: sending, waiting for the answer, giving the connection back.
    client: Any = arq_client(valkey.url, connections=1)
    await client.ping()

    async def ask_for_ever() -> None:
        while True:
            await client.ping()

    task = asyncio.create_task(ask_for_ever())
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=1)
    assert done
    assert task.cancelled()
    assert await client.ping(), "the connection is given back, or replaced"
    await client.aclose(close_connection_pool=True)


async def test_wake_ups_are_heard_again_after_a_restart(frail: Queue, own_valkey: Valkey) -> None:
    wake_ups = frail.wake_ups()
    listening = asyncio.create_task(wake_ups.listen())

    async def is_heard() -> bool:
        await frail.wake()
        began = boottime()
        await wake_ups.wait(0.5)
        return boottime() - began < 0.4

    await until(is_heard)
    own_valkey.kill()
    own_valkey.start()
    await until(is_heard)
    listening.cancel()


@pytest.mark.parametrize(
    "address",
    [
        "http://host/secret",
        "redis://:secret@host:port/0",
        "redis+sentinel://:secret@host:26379",
        "redis+sentinel://:secret@/main/0",
        "redis+sentinel://:secret@host:26379/main/zero",
        "secret",
    ],
)
def test_a_wrong_address_is_refused_without_being_repeated(address: str) -> None:
    with pytest.raises(SettingsError, match="PILOTHOUSE_REDIS_URL") as caught:
        pool_for(SecretStr(address), connections=1)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_sentinel_address_names_hosts_master_account_and_database() -> None:
    url = SecretStr("redis+sentinel://user:p%40ss@one:1,two/main/3")
    pool = pool_for(url, connections=4)
    assert isinstance(pool, SentinelConnectionPool)
    assert pool.service_name == "main"
    sentinels = [client.connection_pool.connection_kwargs for client in pool.sentinel_manager.sentinels]
    assert [(known["host"], known["port"]) for known in sentinels] == [("one", 1), ("two", 26379)]
    assert sentinels[0]["password"] is None, "the account is the master's, not the sentinels'"
    kwargs = pool.connection_kwargs
    assert (kwargs["username"], kwargs["password"], kwargs["db"]) == ("user", "p@ss", 3)


@pytest.mark.parametrize("address", ["redis://:pw@host:1/2", "rediss://host", "unix:///run/valkey.sock?db=2"])
def test_every_connection_has_a_time_limit(address: str) -> None:
    pool = pool_for(SecretStr(address), connections=4)
    assert pool.connection_kwargs["socket_timeout"] == SOCKET_TIMEOUT_S
    assert pool.max_connections == 4
    assert "pw" not in repr(pool)
    made: Any = pool
    made.make_connection()
