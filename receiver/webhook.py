"""POST /api/webhook: read the body, ask the decisions, mark, 202. Which host, true or forged: delivery.py decides.

One log line for each delivery: never a header, a body or a secret.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Protocol

import orjson
import structlog
from aiohttp import web

from jobs.core.repository import Repository
from jobs.enqueue import Mark, QueueDown
from receiver import delivery as deliveries
from receiver.bodies import BIG_BODY_BYTES, read_body
from receiver.delivery import Host, Verdict
from receiver.errors import Forged, NoSecret, QueueAway, ReceiverError, Unavailable
from receiver.metrics import Metrics
from receiver.payload import require_plain
from receiver.push import Change, Delivery, Ignored, Push
from receiver.remembered import Remembered
from receiver.settings import ReceiverSettings
from receiver.sources import Sources, networks
from receiver.webhook_secrets import WebhookSecrets

log = structlog.get_logger()

MARK_TIMEOUT_S = 2.0
"""A host waits 10 s at most, and disables a hook that fails; a queue that hangs must not be waited for."""
NOTED_TIMEOUT_S = 0.5
RETRY_AFTER_S = 10


class Marks(Protocol):
    """The part of the queue that a webhook needs."""

    async def mark(self, marks: list[Mark], *, limit_s: float) -> None:
        """Write the marks; durable on return. Raises QueueDown, at the latest after limit_s."""

    def noted(self, name: str) -> asyncio.Future[bool]:
        """Note a delivery; whether it was noted before. Raises QueueDown."""


class Secrets(Protocol):
    """Where the webhook secrets of this moment stand."""

    current: WebhookSecrets
    complete: bool
    """Whether the cluster's Secrets have been read at least once."""


class Webhook:
    """The handler and what it works with."""

    def __init__(
        self, settings: ReceiverSettings, queue: Marks, secrets: Secrets, remembered: Remembered, metrics: Metrics
    ) -> None:
        """Nothing is started here."""
        self._settings, self._queue, self._secrets = settings, queue, secrets
        self._remembered, self._metrics = remembered, metrics
        self._sources = Sources(networks(settings.trusted_proxies), settings.refusals_per_minute)
        self._big = asyncio.Lock()

    async def post(self, request: web.Request) -> web.Response:
        """202 once the push is marked durably, 200 if there is nothing to mark, else a refusal."""
        # From the last to the first: a header sent twice counts as first sent.
        headers = {name.lower(): value for name, value in [*request.headers.items()][::-1]}
        source, host_name, delivery_id = self._sources.of(request), "unknown", ""
        try:
            claimed = Delivery(headers, b"")
            host = deliveries.host_of(claimed)
            host_name, delivery_id = host.name, deliveries.id_of(host, claimed)
            await self._sources.turn(source)
            answer = await self._taken(request, host, delivery_id, headers)
        except ReceiverError as error:
            if error.status < 500:
                self._sources.refused(source)
            self._metrics.deliveries.labels(host_name, error.outcome).inc()
            log.warning(
                "delivery refused", host=host_name, delivery=delivery_id, outcome=error.outcome, detail=error.detail
            )
            raise
        self._sources.verified(source)
        return answer

    async def _taken(
        self, request: web.Request, host: Host, delivery_id: str, headers: Mapping[str, str]
    ) -> web.Response:
        received_at, started = time.time(), time.monotonic()
        require_plain(Delivery(headers, b""))  # before it is read: unpacked, it may have a thousand times its size
        body = await read_body(request, self._settings.max_body_bytes)
        verdict = await self._judged(host, Delivery(headers, body, received_at))
        if isinstance(verdict.told, Ignored):
            outcome = "ping" if verdict.told.ping else "ignored"
            self._metrics.deliveries.labels(host.name, outcome).inc()
            log.info("delivery ignored", host=host.name, delivery=delivery_id, outcome=outcome)
            return _answer(200, outcome=outcome, detail=verdict.told.why)
        marks = marks_of(verdict.told, verdict.repositories, delivery_id, int(received_at * 1000))
        repeated = await self._marked(host, delivery_id, marks)
        self._metrics.mark_s.observe(time.monotonic() - started)
        self._metrics.deliveries.labels(host.name, "marked").inc()
        change, names = telling(verdict.told.changes), [mark.key for mark in marks]
        log.info(
            "delivery marked", host=host.name, delivery=delivery_id, outcome="marked", repositories=names,
            ref=change.ref, after=change.after, changes=len(verdict.told.changes), repeated=repeated,
        )  # fmt: skip
        return _answer(202, outcome="marked", repositories=names, delivery=delivery_id)

    async def _judged(self, host: Host, delivery: Delivery) -> Verdict:
        secrets, unsigned = self._secrets.current.of(host.name), self._settings.allow_unsigned_webhooks
        try:
            if len(delivery.body) < BIG_BODY_BYTES:
                return deliveries.judge(host, delivery, secrets, allow_unsigned=unsigned)
            async with self._big:  # one at a time: read as JSON, it takes several times its size
                return await asyncio.to_thread(deliveries.judge, host, delivery, secrets, allow_unsigned=unsigned)
        except (NoSecret, Forged):
            if self._secrets.complete:
                raise
            # Just started, and the API server is away: this may well be a delivery to take.
            raise Unavailable("the webhook secrets could not be read yet", retry_after_s=RETRY_AFTER_S) from None

    async def _marked(self, host: Host, delivery_id: str, marks: list[Mark]) -> bool:
        """Write the marks; True if this delivery came before. Valkey away: remember them and raise QueueAway.

        The delivery is noted beside its mark: it is marked whether or not it came before, so no order can lose one.
        """
        came_before = self._queue.noted(f"{host.name}:{delivery_id}") if delivery_id else None
        try:
            await self._queue.mark(marks, limit_s=MARK_TIMEOUT_S)
        except QueueDown:
            lost = self._remembered.add(marks)
            if lost:
                log.error("no room to remember", host=host.name, delivery=delivery_id, lost=lost)
            raise QueueAway(
                "the queue cannot be reached; the push is remembered and marked later", retry_after_s=RETRY_AFTER_S
            ) from None
        if came_before is None or not await _known(came_before):
            return False
        self._metrics.repeated.labels(host.name).inc()
        return True


def _answer(status: int, **fields: object) -> web.Response:
    return web.Response(body=orjson.dumps(fields), status=status, content_type="application/json")


async def _known(came_before: asyncio.Future[bool]) -> bool:
    """Only counted: "redeliver" at the Git host must work. Not knowing is as good as no."""
    try:
        async with nullcontext() if came_before.done() else asyncio.timeout(NOTED_TIMEOUT_S):
            return await came_before
    except (QueueDown, TimeoutError):
        return False


def marks_of(push: Push, repositories: Sequence[Repository], delivery_id: str, received_at_ms: int) -> list[Mark]:
    """One mark for each name of the repository, with the change that says most as its hint.

    All names are marked, whether or not an Application uses them: refresh decides, and the receiver's view may lag.
    """
    change = telling(push.changes)
    given = {"after": change.after, "ref": change.ref, "delivery": delivery_id, "received_at_ms": str(received_at_ms)}
    hints = {name: value for name, value in given.items() if value}
    return [Mark("repository", repository.name, "push", hints=hints) for repository in repositories]


def telling(changes: Sequence[Change]) -> Change:
    """The last branch that was made or moved, else the last change.

    Only by a branch can refresh tell that a replica lags. A tag pushed along with it must not hide it.
    """
    return next((change for change in reversed(changes) if change.branch and not change.deleted), changes[-1])
