"""Finds what is due without a push: audits, what could not be put back, moved branches of repositories. Only marks.

Each key has a moment of its own in the interval, the same on every worker. How far the sweep came lies in Valkey, and
each stretch of time is swept by one worker: after a pause everything that fell into it is due, once.
"""

import structlog

from jobs.core.application import Application
from jobs.core.attention import is_left_undone
from jobs.core.schedule import due_between
from jobs.enqueue import Mark
from jobs.parts import Parts
from jobs.valkey import QueueDown

log = structlog.get_logger()


class Sweep:
    """Called every few seconds; marks what became due since anybody's last call."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def tick(self) -> None:
        """Mark applications whose audit is due and repositories whose poll is."""
        now_s = self._parts.now().seconds
        try:
            since_s = await self._parts.queue.advance("sweep", now_s)
            if since_s is not None:
                await self._parts.queue.mark([*self._applications(since_s, now_s), *self._repositories(since_s, now_s)])
        except QueueDown as error:
            # What fell into this stretch is looked at an interval later; a wiped queue marks everything anyway.
            log.warning("sweep not marked", error=error.message)

    def _applications(self, since_s: float, now_s: float) -> list[Mark]:
        view = self._parts.view
        due = [key for key in view if due_between(key, self._interval_s(view.get(key)), since_s, now_s)]
        return [Mark("application", key, "sweep", background=True, group=view.limit_groups(key)) for key in due]

    def _interval_s(self, application: Application | None) -> float:
        settings = self._parts.settings
        left_undone = application is not None and is_left_undone(application)
        return settings.sweep_interval_s if left_undone else settings.audit_interval_s

    def _repositories(self, since_s: float, now_s: float) -> list[Mark]:
        interval_s = self._parts.settings.git_poll_interval_s
        return [
            Mark("repository", name, "poll", background=True)
            for name in self._parts.view.repositories()
            if due_between(name, interval_s, since_s, now_s)
        ]


async def mark_everything(parts: Parts) -> None:
    """After Valkey was wiped, or is another one: every repository and application, spread over the sweep interval.

    Waits until it is known which there are. Raises QueueDown.
    """
    await parts.view.complete.wait()
    spread_s = min(parts.settings.sweep_interval_s, 10.0)
    keys = [*parts.view]
    marks = [
        Mark(
            "application",
            key,
            "start",
            background=True,
            due_in_s=spread_s * index / len(keys),
            group=parts.view.limit_groups(key),
        )
        for index, key in enumerate(keys)
    ]
    names = parts.view.repositories()
    marks += [
        Mark("repository", name, "start", due_in_s=spread_s * index / len(names)) for index, name in enumerate(names)
    ]
    await parts.queue.mark(marks)
