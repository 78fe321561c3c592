"""Kubernetes Events on Applications: told beside the work, never in its way. One that can't be told is only logged."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import structlog

from jobs.core.announce import Announcement
from jobs.core.application import Application
from jobs.core.discovery import ApiResource
from jobs.core.errors import KubeError, shortened
from jobs.core.moment import Moment
from jobs.kube import Kube

log = structlog.get_logger()

EVENTS = ApiResource("", "Event", "v1", ("v1",), "events", True, frozenset({"create", "list"}))
MAX_MESSAGE = 1000
"""Longest message the API server takes is 1,024 characters."""
UNDER_WAY = 200
"""Events that may wait to be written; more are dropped: they are news, not records."""


class Events:
    """Writes Events to the home cluster, and reads them."""

    def __init__(self, kube: Kube, now: Callable[[], Moment]) -> None:
        self._kube = kube
        self._now = now
        self._tasks: set[asyncio.Task[None]] = set()

    def tell(self, application: Application, announcements: Iterable[Announcement]) -> None:
        """Write these Events soon."""
        for announcement in announcements:
            if len(self._tasks) >= UNDER_WAY:
                log.warning("event dropped", application=application.key, reason=announcement.reason)
                return
            task = asyncio.create_task(self._write(application, announcement))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def about(self, application: Application) -> tuple[dict[str, Any], ...]:
        """The Events on this very Application; the cluster keeps them an hour. Raises KubeError."""
        selector = f"involvedObject.kind=Application,involvedObject.uid={application.uid}"
        return (await self._kube.list(EVENTS, application.namespace, field_selector=selector)).items

    async def close(self) -> None:
        """Wait until all are written."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _write(self, application: Application, announcement: Announcement) -> None:
        at = str(self._now())
        body = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{application.name[:200]}.", "namespace": application.namespace},
            "involvedObject": {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "Application",
                "namespace": application.namespace,
                "name": application.name,
                "uid": application.uid,
            },
            "type": announcement.kind,
            "reason": announcement.reason,
            "message": shortened(announcement.message, MAX_MESSAGE - 60),
            "source": {"component": "pilothouse"},
            "firstTimestamp": at,
            "lastTimestamp": at,
            "count": 1,
        }
        try:
            await self._kube.request("POST", EVENTS.path(application.namespace), body=body)
        except KubeError as error:
            log.info("event not written", application=application.key, error=error.message)
