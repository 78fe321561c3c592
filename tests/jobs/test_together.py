"""Several requests at once."""

import asyncio

import pytest

from jobs.core.errors import LostClaim
from jobs.together import together


async def answer(value: int) -> int:
    await asyncio.sleep(0)
    return value


async def fail(error: Exception) -> int:
    raise error


async def test_answers_come_in_order_and_no_more_are_under_way_than_allowed() -> None:
    under_way, most = 0, 0

    async def counted(value: int) -> int:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return value

    assert await together((counted(n) for n in range(9)), at_once=3) == list(range(9))
    assert most == 3


async def test_an_expected_failure_is_raised_as_itself_and_those_not_begun_are_given_up() -> None:
    with pytest.raises(LostClaim, match="gone"):
        await together([fail(LostClaim("gone")), answer(1), answer(2)], at_once=1)


async def test_a_bug_is_raised_in_its_group() -> None:
    with pytest.raises(ExceptionGroup):
        await together([fail(ValueError("bug")), answer(1)], at_once=1)
