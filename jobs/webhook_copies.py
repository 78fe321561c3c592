"""Keeps the copies of repositories' webhook secrets in `pilothouse-webhooks`; every worker does, to the same end.

Server-side apply under a manager of its own: it adds, changes and takes away the worker's keys and touches no other.
https://kubernetes.io/docs/reference/using-api/server-side-apply/. No value is ever logged.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import structlog

from jobs.clusters import SECRETS, TYPE_LABEL
from jobs.core.errors import InvalidSpecError, KubeError
from jobs.core.webhook_copies import MANAGER, NAME, Copy, copy_of, owned_data, wanted_data, without_taken
from jobs.kube import Kube, Listed

log = structlog.get_logger()

AGAIN_S = 600.0
"""Until it is looked at again although no repository Secret changed: somebody may have deleted the copies."""
RETRY_S = 5.0
"""The same after a failure."""


class WebhookCopies:
    """The task, and what it knows of the repository Secrets."""

    def __init__(self, kube: Kube, home: str) -> None:
        """Nothing is read yet."""
        self._kube, self._home = kube, home
        self._copies: dict[str, Copy] = {}
        self._changed = asyncio.Event()

    async def keep(self) -> None:
        """Follow the repository Secrets and copy, for ever. Ends by being cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow())
            await self._changed.wait()  # before they were listed, no Secret would look as if all had gone
            while True:
                self._changed.clear()
                pause_s = AGAIN_S if await self._copied() else RETRY_S
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await self._changed.wait()

    async def _follow(self) -> None:
        selector = f"{TYPE_LABEL}=repository"
        async for event in self._kube.follow(SECRETS, namespace=self._home, label_selector=selector):
            if isinstance(event, Listed):
                self._copies.clear()
                for body in event.items:
                    self._take_in(body)
            elif event.type == "DELETED":
                self._copies.pop(_name(event.object), None)
            else:
                self._take_in(event.object)
            self._changed.set()

    def _take_in(self, body: Mapping[str, Any]) -> None:
        self._copies.pop(_name(body), None)
        try:
            copy = copy_of(body)
        except InvalidSpecError as error:
            log.warning("webhook secret not copied", secret=_name(body), error=error.message)
        else:
            if copy is not None:
                self._copies[_name(body)] = copy

    async def _copied(self) -> bool:
        """Make the copies as they should be; False if the API server did not take them."""
        try:
            live = await self._kube.get(SECRETS, self._home, NAME) or {}
            wanted = wanted_data(self._copies[name] for name in sorted(self._copies))
            data = without_taken(wanted, live)
            if data == owned_data(live):
                return True
            if len(data) < len(wanted):
                log.warning("webhook secrets not copied: somebody else wrote their keys", keys=len(wanted) - len(data))
            metadata = {"name": NAME, "namespace": self._home}
            body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}
            # No force: a key that somebody writes at this very moment is theirs.
            await self._kube.apply(body, SECRETS, manager=MANAGER, force=False)
        except KubeError as error:
            # Only the kind and status: the server's words may repeat what was sent.
            log.warning("webhook secrets not copied", error=type(error).__name__, status=error.status)
            return False
        log.info("webhook secrets copied", repositories=len(data) // 2)
        return True


def _name(body: Mapping[str, Any]) -> str:
    return str(body["metadata"]["name"])
