"""Keeps the webhook secrets up to date: reads the two Secrets again and again, so that a change needs no restart."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog

from jobs.core.errors import KubeError
from receiver.webhook_secrets import SCOPED_SECRET, SHARED_SECRET, Data, WebhookSecrets, gathered

log = structlog.get_logger()

EVERY_S = 30.0
FIRST_S = 1.0
"""Until they have been read once; growing, since an account without the right never can."""
TIMEOUT_S = 5.0

Read = Callable[[str], Awaitable[Data]]
"""Name of a Secret of the home namespace -> its data, empty if there is none. Raises KubeError."""


class SecretReader:
    """`current` is what counts now: the secrets of the settings, and once read, those of the cluster."""

    def __init__(self, own: Mapping[str, str], read: Read) -> None:
        """own: key of `pilothouse-secret` -> value, from the settings."""
        self._own, self._read = own, read
        self.current: WebhookSecrets = gathered(own, {}, {})
        self.complete = False
        """Whether the cluster's Secrets have been read at least once."""

    async def refresh(self) -> None:
        """Read once. A failure keeps what was there: an API server that is away must not lock Git hosts out."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                shared, scoped = await asyncio.gather(self._read(SHARED_SECRET), self._read(SCOPED_SECRET))
        except (KubeError, TimeoutError) as error:
            log.warning("webhook secrets could not be read", error=str(error) or type(error).__name__)
            return
        found = gathered(self._own, shared, scoped)
        if found.problems != self.current.problems:
            log.warning("webhook secrets with problems", problems=list(found.problems))
        if not self.complete or found != self.current:
            log.info("webhook secrets read", hosts=[host for host, each in found.by_host.items() if each],
                     of_repositories=len(found.scoped))  # fmt: skip
        self.current, self.complete = found, True

    async def keep_reading(self) -> None:
        """Read for ever, after a first `refresh`. Ends by being cancelled."""
        pause_s = FIRST_S
        while True:
            await asyncio.sleep(EVERY_S if self.complete else pause_s)
            pause_s = min(2 * pause_s, EVERY_S)
            await self.refresh()
