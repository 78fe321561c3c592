"""Several requests at once, at most so many under way; the answers in order, a failure as itself."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar

from jobs.core.errors import KubeError, StageError

T = TypeVar("T")


async def together(calls: Iterable[Awaitable[T]], *, at_once: int) -> list[T]:
    """Await all. The first that fails cancels the others and is raised: a StageError as it is, a bug in its group."""
    gate, given = asyncio.Semaphore(at_once), list(calls)

    async def one(call: Awaitable[T]) -> T:
        async with gate:
            return await call

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(call)) for call in given]
    except ExceptionGroup as failures:
        expected = [error for error in failures.exceptions if isinstance(error, StageError)]
        if len(expected) == len(failures.exceptions):
            raise expected[0] from None
        raise
    finally:
        for call in given:
            if asyncio.iscoroutine(call):
                call.close()  # one that never began would be warned of
    return [task.result() for task in tasks]


async def answers(calls: Iterable[Awaitable[T]], *, at_once: int) -> "list[T | KubeError]":
    """As `together`, but a KubeError is an answer, too; anything else is raised."""

    async def one(call: Awaitable[T]) -> T | KubeError:
        try:
            return await call
        except KubeError as error:
            return error

    return await together((one(call) for call in calls), at_once=at_once)
