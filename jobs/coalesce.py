"""Callers of one slow action share its runs. Knows nothing of what the action is."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Coalesced(Generic[T]):
    """Each caller gets the outcome of a run that began after it asked; so at most one runs and one waits to.

    A run whose callers are all cancelled is cancelled too.
    """

    def __init__(self, action: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._action = action
        self._running: asyncio.Task[T] | None = None
        self._next: asyncio.Task[T] | None = None
        self._callers: dict[asyncio.Task[T], int] = {}

    async def __call__(self) -> T:
        """The outcome of the next run. Raises what the action raises."""
        if self._next is None:
            self._next = asyncio.create_task(self._run_after(self._running))
            self._next.add_done_callback(_retrieved)
        task = self._next
        self._callers[task] = self._callers.get(task, 0) + 1
        try:
            return await asyncio.shield(task)
        finally:
            self._leave(task)

    async def _run_after(self, previous: asyncio.Task[T] | None) -> T:
        if previous:
            await asyncio.wait([previous])
        self._running, self._next = self._next, None
        return await self._action()

    def _leave(self, task: asyncio.Task[T]) -> None:
        self._callers[task] -= 1
        if self._callers[task]:
            return
        del self._callers[task]
        task.cancel()
        if self._next is task:  # it had not begun, so it will not step down by itself
            self._next = None


def _retrieved(task: asyncio.Task[Any]) -> None:
    """Look at the outcome, so that asyncio does not report an error that nobody is left to hear."""
    if not task.cancelled():
        task.exception()
