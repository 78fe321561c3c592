import asyncio

import pytest

from jobs.claim import Claim, Lease
from jobs.core.errors import LostClaim, StageError


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def always() -> bool:
    return True


async def never() -> bool:
    return False


def a_claim(lease: Lease) -> Claim:
    return Claim("application", "apps/web", lease)


def test_no_write_starts_with_less_than_two_fifths_of_the_lease() -> None:
    clock = Clock()
    claim = a_claim(Lease(10, always, clock=clock))
    clock.now += 6.0
    claim.require()
    clock.now += 0.1
    with pytest.raises(LostClaim, match=r"3\.9 s of a lease of 10 s"):
        claim.require()


def test_a_lease_counts_from_when_it_was_asked_for() -> None:
    clock = Clock()
    assert Lease(10, always, began=clock.now - 4, clock=clock).left_s == 6


async def test_a_lease_is_renewed_at_a_third() -> None:
    asked: list[float] = []
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def renew() -> bool:
        asked.append(loop.time() - began)
        return True

    async with a_claim(Lease(0.3, renew)).held():
        await asyncio.sleep(0.35)
    assert 2 <= len(asked) <= 3
    assert asked[0] >= 0.099
    await asyncio.sleep(0.15)
    assert len(asked) <= 3, "nobody renews after the end"


async def test_a_refused_renewal_cancels_the_work() -> None:
    claim = a_claim(Lease(0.1, never))
    with pytest.raises(LostClaim, match="taken over"):
        await work_on(claim, 30)
    assert claim.lease.left_s == 0


async def test_a_renewal_without_answer_is_tried_until_the_lease_is_over() -> None:
    tries = 0

    async def down() -> bool:
        nonlocal tries
        tries += 1
        raise StageError("no answer")

    with pytest.raises(LostClaim, match="before it could be renewed"):
        await work_on(a_claim(Lease(0.9, down)), 30)
    assert tries >= 2


async def test_a_worker_that_slept_sees_its_lease_is_over() -> None:
    clock = Clock()
    claim = a_claim(Lease(0.1, always, clock=clock))
    clock.now += 3600
    with pytest.raises(LostClaim):
        await work_on(claim, 0)


async def test_the_outermost_of_nested_holds_sees_the_loss() -> None:
    claim = a_claim(Lease(0.1, never))
    inner: list[BaseException] = []

    async def nested() -> None:
        try:
            await work_on(claim, 30)
        except BaseException as error:
            inner.append(error)
            raise

    with pytest.raises(LostClaim):
        async with claim.held():
            await nested()
    assert isinstance(inner[0], asyncio.CancelledError), "inside, all work just ends"


async def test_a_cancellation_from_outside_stays_one() -> None:
    task = asyncio.create_task(work_on(a_claim(Lease(10, always)), 30))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await work_on(a_claim(Lease(10, always)), 30)


async def test_an_error_of_the_work_goes_up_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        async with a_claim(Lease(10, always)).held():
            _ = 1 // 0


async def test_a_loss_that_the_work_swallowed_still_counts() -> None:
    claim = a_claim(Lease(0.1, never))
    with pytest.raises(LostClaim):
        await stubborn(claim)


async def stubborn(claim: Claim) -> None:
    async with claim.held():
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            return


async def work_on(claim: Claim, seconds: float) -> None:
    async with claim.held():
        await asyncio.sleep(seconds)
