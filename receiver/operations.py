"""Asking for syncs: a manual one, and a rollback to an entry of the history. Written as `.operation`, then marked.

https://argo-cd.readthedocs.io/en/stable/user-guide/sync-kubectl/
"""

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from aiohttp import web

from jobs.core.application import application_of
from jobs.core.errors import Conflict, InvalidSpecError
from receiver.asked import One, Rollback, Synced, body_of, sync_of
from receiver.bodies import read_body
from receiver.desk import BODY_TIMEOUT_S, MAX_BODY_BYTES, TIMEOUT_S, Asked, Desk, Object, Queue, answer, manual_mark
from receiver.errors import Busy, FieldError, NotNow
from receiver.shown import version_of

log = structlog.get_logger()

TRIES = 5
"""Of a sync against the worker's own writes of the Application."""
POLL_S = (0.1, 0.2, 0.4, 0.8)
"""Between two looks while waiting for a sync; the last one repeats."""
REQUEST = "pilothouse.dev/request"
"""The `info` entry of an operation by which its end is recognised."""


class Operations:
    """The handlers and what they work with."""

    def __init__(self, desk: Desk, queue: Queue) -> None:
        self._desk, self._queue = desk, queue

    async def sync(self, request: web.Request) -> web.Response:
        """Manual re-sync: 202 with the operation; with `?wait=` 200 once it has ended, 202 if it has not by then."""
        async with asyncio.timeout(BODY_TIMEOUT_S):
            asked = await self._desk.one(request, Synced, "sync")
            sync = sync_of(await read_body(request, MAX_BODY_BYTES))
            operation = await self._start(asked, lambda _: sync)
        log.info("sync requested", application=asked.key, by=asked.caller.username, revision=sync.get("revision"))
        wait_s, found = asked.query.wait_s, Object(operation=operation)
        state = await self._ended(asked, operation, time.monotonic() + wait_s) if wait_s else None
        if state is None:
            return answer(found, 202)
        return answer({**found, "operationState": state})

    async def rollback(self, request: web.Request) -> web.Response:
        """A sync to the sources and revisions of a history entry: 202 with the operation."""
        async with asyncio.timeout(BODY_TIMEOUT_S):
            asked = await self._desk.one(request, One, "sync")
            wanted = body_of(await read_body(request, MAX_BODY_BYTES), Rollback)
            operation = await self._start(asked, lambda found: rollback_of(found, wanted))
        log.info("rollback requested", application=asked.key, by=asked.caller.username, to=wanted.id)
        return answer({"operation": operation}, 202)

    async def _start(self, asked: Asked[Any], sync_for: Callable[[Object], Object]) -> Object:
        """Write the operation on the Application as it was when nothing ran, and mark it. Raises Busy.

        sync_for: what is asked for, from the Application as it is now.
        """
        info = [{"name": REQUEST, "value": uuid.uuid4().hex}]
        for _ in range(TRIES):
            found = await self._desk.found(asked)
            if is_running(found):
                raise Busy(f"an operation of {asked.key} is running; wait for its end")
            # Whoever the token belongs to; what a caller writes about himself is not read.
            operation = {"initiatedBy": {"username": asked.caller.username}, "info": info, "sync": sync_for(found)}
            try:
                await self._desk.applications.request_sync(asked.namespace, asked.name, operation, version_of(found))
            except Conflict:
                continue
            await self._queue.mark([manual_mark(asked.key, found)])
            return operation
        raise Busy(f"{asked.key} is being changed all the time; try again")

    async def _ended(self, asked: Asked[Any], operation: Object, until: float) -> Object | None:
        """The state of the operation once it has ended, or gave way to another; None: not in time."""
        looks = 0
        while (left_s := until - time.monotonic()) > 0:
            async with asyncio.timeout(TIMEOUT_S):
                found = await self._desk.found(asked)
            state = (found.get("status") or {}).get("operationState") or {}
            if not found.get("operation") and (not is_running(found) or not _is_of(state, operation)):
                return dict(state)
            await asyncio.sleep(min(POLL_S[min(looks, len(POLL_S) - 1)], left_s))
            looks += 1
        return None


def rollback_of(application: Mapping[str, Any], wanted: Rollback) -> Object:
    """The `sync` part of the operation, as Argo CD writes it. Raises NotNow."""
    try:
        found = application_of(application)
    except InvalidSpecError as error:
        raise NotNow(f"the Application makes no sense: {error.message}") from None
    if found.policy.automated:
        raise NotNow(
            "automated sync would undo a rollback at once: undo the change with `git revert` and a push, "
            "or turn spec.syncPolicy.automated off first"
        )
    history = found.status.get("history") or []
    entry = next((entry for entry in history if entry.get("id") == wanted.id), None)
    if entry is None:
        ids = ", ".join(str(entry.get("id")) for entry in history) or "none"
        said = f"status.history has no entry {wanted.id}; it has {ids}"
        raise NotNow(f"id: {said}", errors=[FieldError("id", said)])
    # What it resolved to then, not what the branch says now; with several sources each has its own.
    names = ("sources", "revisions") if entry.get("sources") else ("source", "revision")
    options = {name: value for name, value in wanted.written().items() if name != "id"}
    return {**options, **{name: entry[name] for name in names if entry.get(name)}}


def is_running(application: Mapping[str, Any]) -> bool:
    """Whether an operation is asked for or under way."""
    state = (application.get("status") or {}).get("operationState") or {}
    return bool(application.get("operation")) or state.get("phase") in ("Running", "Terminating")


def _is_of(state: Mapping[str, Any], operation: Mapping[str, Any]) -> bool:
    """Whether the state is that of the operation: it carries the same mark of the request."""
    (request,) = operation["info"]
    return request in ((state.get("operation") or {}).get("info") or ())
