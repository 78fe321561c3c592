"""JSON about Applications: list, one, manual re-sync, managed resources. Who may: access.py; what was asked: asked.py.

Nothing is decided here. Reads of live objects are answered by a worker, since the receiver may not see workloads.
"""

import asyncio
import time
import uuid
from typing import Any, Protocol

import orjson
import structlog
from aiohttp import web

from jobs.core.application import application_of
from jobs.core.errors import Conflict, InvalidSpecError
from jobs.enqueue import Mark
from receiver import asked
from receiver.access import Access, Caller
from receiver.bodies import read_body
from receiver.errors import Busy, Forbidden, Missing, NoAnswer, Unanswerable

log = structlog.get_logger()

MAX_BODY_BYTES = 1_000_000
TIMEOUT_S = 10.0
"""For all the API server has to do for one answer; a wait is asked for in its own words."""
INSPECT_TIMEOUT_S = 10.0
TRIES = 5
"""Of a sync against the worker's own writes of the Application."""
POLL_S = (0.1, 0.2, 0.4, 0.8)
"""Between two looks while waiting for a sync; the last one repeats."""
REQUEST = "pilothouse.dev/request"
"""The `info` entry of an operation by which its end is recognised."""

MANAGED_RESOURCES = "managed-resources"
"""The request that a worker's inspect answers."""

Object = dict[str, Any]


class Applications(Protocol):
    """The part of the store that the API needs. Raises KubeError."""

    async def list(
        self, namespace: str, *, selector: str = "", limit: int = 500, continue_: str = ""
    ) -> tuple[list[Object], str]:
        """One page, and the token of the next; empty: it was the last. Gone: the token is too old."""

    async def get(self, namespace: str, name: str) -> Object | None:
        """The object as it is now."""

    async def request_sync(self, namespace: str, name: str, operation: Object, resource_version: str) -> object:
        """Write `.operation`. Conflict: the object changed since it was read."""

    async def request_refresh(self, namespace: str, name: str, kind: str) -> None:
        """Write the refresh annotation: normal or hard."""


class Queue(Protocol):
    """The part of the queue that the API needs. Raises QueueDown."""

    async def mark(self, marks: list[Mark]) -> None:
        """Write the marks; durable on return."""

    async def ask(self, kind: str, key: str, request: str, timeout_s: float = 10.0, *, group: str = "") -> bytes | None:
        """A worker's answer to a question about something live; None: none came in time. group: as in a mark."""


class Api:
    """The handlers and what they work with."""

    def __init__(self, namespaces: tuple[str, ...], access: Access, applications: Applications, queue: Queue) -> None:
        """namespaces: those served, home first."""
        self._served, self._access, self._applications, self._queue = namespaces, access, applications, queue

    async def applications(self, request: web.Request) -> web.Response:
        """A page of Applications: of all namespaces in which the caller may list them."""
        async with asyncio.timeout(TIMEOUT_S):
            caller = await self._access.caller(request)
            page = asked.page_of(request.query, self._served)
            allowed = [each for each in page.namespaces if await self._access.may(caller, "list", each)]
            if not allowed:
                await self._access.require(caller, "list", page.namespaces[0])
                raise Forbidden("listing was just allowed again; try again")
            items, next_page = await self._page(page, allowed)
        return _answer({"items": [_shown(item) for item in items], "metadata": {"continue": next_page}})

    async def _page(self, page: asked.Page, allowed: list[str]) -> tuple[list[Object], str]:
        """Goes on through the namespaces until the page is full. A filtered page may hold fewer than asked for."""
        items: list[Object] = []
        left, token = page.limit, page.token
        start = allowed.index(page.namespace) if page.namespace in allowed else 0
        for index in range(start, len(allowed)):
            found, token = await self._applications.list(
                allowed[index], selector=page.selector, limit=left, continue_=token
            )
            left -= len(found)
            items += (item for item in found if not page.project or _project(item) == page.project)
            if token:
                return items, asked.continue_at(allowed[index], token)
            if left <= 0 and index + 1 < len(allowed):
                return items, asked.continue_at(allowed[index + 1], "")
        return items, ""

    async def application(self, request: web.Request) -> web.Response:
        """One Application; with `?refresh=` it is also asked to look anew."""
        async with asyncio.timeout(TIMEOUT_S):
            asked.known(request.query, ("appNamespace", "refresh"))
            _, namespace, name = await self._who_and_what(request, "get")
            kind = asked.refresh_of(request.query)
            found = await self._found(namespace, name)
            if kind:
                await self._applications.request_refresh(namespace, name, kind)
                await self._queue.mark([_mark(namespace, name, found)])
                found = await self._found(namespace, name)
        return _answer(_shown(found))

    async def sync(self, request: web.Request) -> web.Response:
        """Manual re-sync: 202 with the operation; with `?wait=` 200 once it has ended, 202 if it has not by then."""
        async with asyncio.timeout(TIMEOUT_S * 2):  # the body has its own 10 s
            asked.known(request.query, ("appNamespace", "wait"))
            caller, namespace, name = await self._who_and_what(request, "sync")
            wait_s = asked.wait_of(request.query)
            sync = asked.sync_of(await read_body(request, MAX_BODY_BYTES))
            request_id = uuid.uuid4().hex
            # Whoever the token belongs to; what a caller writes about himself is not read.
            operation = {
                "initiatedBy": {"username": caller.username},
                "info": [{"name": REQUEST, "value": request_id}],
                "sync": sync,
            }
            found = await self._start(namespace, name, operation)
            await self._queue.mark([_mark(namespace, name, found)])
        log.info("sync requested", application=f"{namespace}/{name}", by=caller.username, revision=sync.get("revision"))
        answer: Object = {"operation": operation}
        state = await self._ended(namespace, name, request_id, time.monotonic() + wait_s) if wait_s else None
        if state is not None:
            answer["operationState"] = state
        return _answer(answer, status=202 if state is None else 200)

    async def managed_resources(self, request: web.Request) -> web.Response:
        """What the Application manages, each live and wanted, masked: a worker's answer. NoAnswer after 10 s."""
        asked.known(request.query, ("appNamespace",))
        async with asyncio.timeout(TIMEOUT_S):
            _, namespace, name = await self._who_and_what(request, "get")
            found = await self._found(namespace, name)
        key, group = f"{namespace}/{name}", _limit_group(found)
        answer = await self._queue.ask("application", key, MANAGED_RESOURCES, INSPECT_TIMEOUT_S, group=group)
        if answer is None:
            raise NoAnswer(f"no worker answered within {INSPECT_TIMEOUT_S:g} s")
        if answer.startswith(b'{"error":'):
            raise Unanswerable(str(orjson.loads(answer)["error"]))
        return web.Response(body=answer, content_type="application/json")

    async def _who_and_what(self, request: web.Request, verb: str) -> tuple[Caller, str, str]:
        """Caller, namespace and name; allowed, before anything is read: a stranger learns nothing of what exists."""
        caller = await self._access.caller(request)
        namespace, name = asked.namespace_of(request.query, self._served), asked.name_of(request.match_info["name"])
        await self._access.require(caller, verb, namespace, name)
        return caller, namespace, name

    async def _found(self, namespace: str, name: str) -> Object:
        found = await self._applications.get(namespace, name)
        if found is None:
            raise Missing(f"there is no Application {namespace}/{name}")
        return found

    async def _start(self, namespace: str, name: str, operation: Object) -> Object:
        """Write the operation on the Application as it was when nothing ran; what was read. Raises Busy."""
        for _ in range(TRIES):
            found = await self._found(namespace, name)
            if is_running(found):
                raise Busy(f"an operation of {namespace}/{name} is running; wait for its end")
            version = str(found.get("metadata", {}).get("resourceVersion") or "")
            try:
                await self._applications.request_sync(namespace, name, operation, version)
            except Conflict:
                continue
            return found
        raise Busy(f"{namespace}/{name} is being changed all the time; try again")

    async def _ended(self, namespace: str, name: str, request_id: str, until: float) -> Object | None:
        """The state of the operation once it has ended, or gave way to another; None: not in time."""
        looks = 0
        while (left_s := until - time.monotonic()) > 0:
            async with asyncio.timeout(TIMEOUT_S):
                found = await self._found(namespace, name)
            state = (found.get("status") or {}).get("operationState") or {}
            if not found.get("operation") and (not is_running(found) or not _is_of(state, request_id)):
                return dict(state)
            await asyncio.sleep(min(POLL_S[min(looks, len(POLL_S) - 1)], left_s))
            looks += 1
        return None


def is_running(application: Object) -> bool:
    """Whether an operation is asked for or under way."""
    state = (application.get("status") or {}).get("operationState") or {}
    return bool(application.get("operation")) or state.get("phase") in ("Running", "Terminating")


def _is_of(state: Object, request_id: str) -> bool:
    info = (state.get("operation") or {}).get("info") or ()
    return {"name": REQUEST, "value": request_id} in info


def _mark(namespace: str, name: str, found: Object) -> Mark:
    """A person asks: no back-off of what failed before holds it back."""
    return Mark("application", f"{namespace}/{name}", "manual", ends_backoff=True, group=_limit_group(found))


def _limit_group(found: Object) -> str:
    """Whom it shares a limit with; empty: its spec makes no sense, so no cluster will be asked."""
    try:
        return application_of(found).limit_group
    except InvalidSpecError:
        return ""


def _project(application: Object) -> str:
    return str((application.get("spec") or {}).get("project") or "default")


def _answer(body: Object, status: int = 200) -> web.Response:
    """By orjson: a page may have many megabytes, and everybody else waits while it is written."""
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")


def _shown(application: Object) -> Object:
    """The object without what only the API server needs."""
    metadata = {key: value for key, value in application.get("metadata", {}).items() if key != "managedFields"}
    return {**application, "metadata": metadata}
