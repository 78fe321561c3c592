"""Writes the new revision on applications that a push does not concern: lazily, and only the latest one.

Nobody waits for it, and a sweep would write it too. So it keeps out of the way of pushes: it waits until none came for
a while, and then writes at most 20 a second.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterable

import structlog

from jobs.core.affected import Effect
from jobs.core.errors import KubeError
from jobs.core.status import revision_fields
from jobs.store import Applications
from jobs.view import View

log = structlog.get_logger()

QUIET_S = 1.0
"""Seconds without a push before it begins."""
LATEST_S = 60.0
"""Seconds after which it begins however many pushes come."""
PAUSE_S = 0.05
"""Between two writes."""


class Revisions:
    """Revisions to be written, one for each application."""

    def __init__(self, applications: Applications, view: View) -> None:
        self._applications = applications
        self._view = view
        self._wanted: dict[str, tuple[str, ...]] = {}
        self._task: asyncio.Task[None] | None = None
        self._pushed_at = self._begun_at = 0.0

    def move(self, effects: Iterable[Effect]) -> None:
        """Take in what a push means for applications; those it concerns write their revision themselves."""
        self._pushed_at = time.monotonic()
        for found in effects:
            self._wanted.pop(found.application.key, None)
            if found.moved:
                self._wanted[found.application.key] = found.revisions
        if self._wanted and (self._task is None or self._task.done()):
            self._begun_at = self._pushed_at
            self._task = asyncio.create_task(self._write_all())

    async def close(self) -> None:
        """Leave the rest to the next sweep."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _write_all(self) -> None:
        while self._wanted:
            now = time.monotonic()
            wait_s = min(self._pushed_at + QUIET_S, self._begun_at + LATEST_S) - now
            if wait_s > 0:
                await asyncio.sleep(wait_s)
                continue
            key = next(iter(self._wanted))
            await self._write(key, self._wanted.pop(key))
            await asyncio.sleep(PAUSE_S)

    async def _write(self, key: str, revisions: tuple[str, ...]) -> None:
        application = self._view.get(key)
        if application is None:
            return
        try:
            await self._applications.move_revision(application, revision_fields(application, revisions))
        except KubeError as error:
            # Somebody else wrote it, and knows better; or the sweep will.
            log.debug("revision not written", application=key, error=error.message)
