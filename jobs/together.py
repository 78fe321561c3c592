"""Several requests at once, at most so many under way; the answers in order, a failure as itself."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar

from jobs.core.errors import StageError

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
