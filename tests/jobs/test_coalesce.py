import asyncio

import pytest

from jobs.coalesce import Coalesced


class Slow:
    """An action that ends when told to; its result is its number."""

    def __init__(self) -> None:
        self.begun: list[asyncio.Event] = []
        self.running = 0

    async def __call__(self) -> int:
        assert not self.running, "two runs at once"
        self.running += 1
        number, done = len(self.begun), asyncio.Event()
        self.begun.append(done)
        try:
            await done.wait()
        finally:
            self.running -= 1
        if number == 13:
            raise ValueError("unlucky")
        return number


async def _begun(slow: Slow, runs: int) -> None:
    async with asyncio.timeout(5):
        while len(slow.begun) < runs:
            await asyncio.sleep(0)


async def test_who_asks_during_a_run_shares_the_next_one() -> None:
    slow = Slow()
    shared = Coalesced(slow)
    first = [asyncio.create_task(shared()) for _ in range(3)]
    await _begun(slow, 1)
    second = [asyncio.create_task(shared()) for _ in range(3)]
    await asyncio.sleep(0)
    slow.begun[0].set()
    assert await asyncio.gather(*first) == [0, 0, 0]
    await _begun(slow, 2)
    slow.begun[1].set()
    assert await asyncio.gather(*second) == [1, 1, 1]
    assert len(slow.begun) == 2


async def test_one_cancelled_caller_does_not_disturb_the_others() -> None:
    slow = Slow()
    shared = Coalesced(slow)
    one, other = asyncio.create_task(shared()), asyncio.create_task(shared())
    await _begun(slow, 1)
    one.cancel()
    await asyncio.wait([one])
    slow.begun[0].set()
    assert await other == 0


async def test_a_run_without_callers_is_cancelled_and_the_next_one_begins_after_it() -> None:
    slow = Slow()
    shared = Coalesced(slow)
    one = asyncio.create_task(shared())
    await _begun(slow, 1)
    waiting = asyncio.create_task(shared())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    one.cancel()
    await asyncio.wait([one])
    later = asyncio.create_task(shared())
    await _begun(slow, 2)
    slow.begun[1].set()
    assert await later == 1


async def test_an_error_reaches_every_caller_and_not_the_next_run() -> None:
    runs = 0

    async def fail_once() -> int:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise ValueError("no")
        return runs

    shared = Coalesced(fail_once)
    outcomes = await asyncio.gather(shared(), shared(), return_exceptions=True)
    assert [str(outcome) for outcome in outcomes] == ["no", "no"]
    with pytest.raises(AssertionError, match="2"):
        raise AssertionError(await shared())
