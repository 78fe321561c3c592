"""Writing Applications: create, change, delete. Checked here, then sent to the API server with the caller's own token.

The receiver's account has no part in it: what a caller may not do with kubectl, he may not do here. What is sent is
decided in edited.py, which version is meant in guard.py.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog
from aiohttp import web

from jobs.core import project, restrictions
from jobs.core.application import application_of
from jobs.core.errors import Conflict, InvalidSpecError, KubeError, NotFound, Refused, Unauthorized, shortened
from jobs.store import Answer, Applications
from receiver.asked import Deleted, One, object_of
from receiver.bodies import read_body
from receiver.desk import BODY_TIMEOUT_S, MAX_BODY_BYTES, TIMEOUT_S, Asked, Desk, Object, answer
from receiver.edited import created, finalizers_for, replaced
from receiver.errors import Changed, FieldError, Forbidden, Invalid, Missing, Taken
from receiver.guard import Guard
from receiver.shown import etag, shown, version_of

log = structlog.get_logger()

TRIES = 5
"""Of a change that means any version, against the worker's own writes."""
MAX_FOREIGN = 1_000
"""Characters of the API server's own words that are passed on."""
MAX_WARNINGS = 20
NOT_ACCEPTED = (
    "the API server does not accept this token: to write Applications, send one that is made without "
    "`--audience pilothouse` and has not expired"
)

T = TypeVar("T")


class Edits:
    """The handlers and what they work with."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def create(self, request: web.Request) -> web.Response:
        """A new Application: 201. Raises Invalid, Taken, Forbidden."""
        async with asyncio.timeout(BODY_TIMEOUT_S):
            asked = await self._desk.one(request, One, "create")
            body = created(object_of(await read_body(request, MAX_BODY_BYTES)), asked.namespace)
            name, warnings = body["metadata"]["name"], await self._allowed(body)
            try:
                made = await _sent(self._desk.access.applications_as(request).create(asked.namespace, body))
            except Conflict:
                raise Taken(f"there is an Application {asked.namespace}/{name}") from None
        log.info("application created", application=f"{asked.namespace}/{name}", by=asked.caller.username)
        return _written(made, warnings, 201)

    async def change(self, request: web.Request) -> web.Response:
        """Another spec, labels, annotations and finalizers: 200.

        Raises Unguarded, Outdated, Changed, Invalid, Missing, Forbidden.
        """
        async with asyncio.timeout(BODY_TIMEOUT_S):
            asked = await self._desk.one(request, One, "update")
            body = object_of(await read_body(request, MAX_BODY_BYTES))
            guard = Guard.of(request.headers, body)
            guard.require_any()

            async def write(theirs: Applications, live: Object) -> tuple[Answer, tuple[str, ...]]:
                wanted = replaced(body, live)
                warnings = await self._allowed(wanted)
                return await _sent(theirs.replace(asked.namespace, asked.name, wanted)), warnings

            written, warnings = await self._guarded(request, asked, guard, write)
        log.info("application changed", application=asked.key, by=asked.caller.username)
        return _written(written, warnings, 200)

    async def delete(self, request: web.Request) -> web.Response:
        """204 when it is gone, 202 while its objects are going. Raises Outdated, Missing, Forbidden."""
        async with asyncio.timeout(TIMEOUT_S):
            asked = await self._desk.one(request, Deleted, "delete")
            guard = Guard.of(request.headers)

            async def write(theirs: Applications, live: Object) -> Object | None:
                finalizers = finalizers_for(live, cascade=asked.query.cascade == "true")
                if finalizers is not None:
                    changed = theirs.set_finalizers(asked.namespace, asked.name, finalizers, version_of(live))
                    live = await _sent(changed)
                version = version_of(live) if guard.names_one else None
                uid = live["metadata"]["uid"]
                return await _sent(theirs.delete(asked.namespace, asked.name, uid=uid, resource_version=version))

            left = await self._guarded(request, asked, guard, write)
        log.info("application deleted", application=asked.key, by=asked.caller.username, cascade=asked.query.cascade)
        if left and left.get("kind") == "Application":
            return answer(shown(left), 202)
        return web.Response(status=204)

    async def _guarded(
        self,
        request: web.Request,
        asked: Asked[Any],
        guard: Guard,
        write: Callable[[Applications, Object], Awaitable[T]],
    ) -> T:
        """Write the version that is meant; when any is meant, again after somebody else wrote first."""
        theirs = self._desk.access.applications_as(request)
        for _ in range(TRIES):
            live = await _sent(theirs.get(asked.namespace, asked.name))
            if live is None:
                raise Missing(f"there is no Application {asked.key}")
            guard.require(version_of(live))
            try:
                return await write(theirs, live)
            except Conflict:
                if guard.names_one:
                    raise guard.refusal from None
        raise Changed(f"{asked.key} is being changed all the time; try again")

    async def _allowed(self, body: Object) -> tuple[str, ...]:
        """What is not supported yet, as warnings: a sync refuses it. Raises Invalid for what the AppProject forbids."""
        try:
            application = application_of({"metadata": body["metadata"], "spec": body["spec"]})
            written = await self._desk.applications.project(self._desk.home, application.project)
            refusals = project.application_refusals(written, application, home=self._desk.home)
        except InvalidSpecError as error:
            refusals = (error.message,)
        if refusals:
            raise Invalid("; ".join(refusals), errors=[FieldError("spec.project", said) for said in refusals])
        return restrictions.application_refusals(application)


async def _sent(call: Awaitable[T]) -> T:
    """The API server's answer to the caller himself; what it refuses is told in its own words. Raises Conflict, too."""
    try:
        return await call
    except Unauthorized:
        # Who he is was asked a moment ago: the token is good, but not for the API server.
        raise Forbidden(NOT_ACCEPTED) from None
    except Refused as error:
        if error.status == 403:
            raise Forbidden(_words(error)) from None
        raise Invalid(_words(error), errors=[FieldError(*cause) for cause in error.causes]) from None
    except NotFound as error:
        raise Missing(_words(error)) from None


def _words(error: KubeError) -> str:
    """Without the verb and path of our own request."""
    return shortened(error.message.partition(": ")[2] or error.message, MAX_FOREIGN)


def _written(written: Answer, ours: tuple[str, ...], status: int) -> web.Response:
    """The Application, its version, and warnings in Kubernetes' own form (RFC 7234, 5.5)."""
    found = answer(shown(written.body), status, etag(written.body))
    if status == 201:
        metadata = written.body["metadata"]
        where = f"/api/v1/applications/{metadata['name']}?appNamespace={metadata['namespace']}"
        found.headers["Location"] = where
    for said in (*ours, *written.warnings)[:MAX_WARNINGS]:
        plain = said[:300].encode("ascii", "replace").decode()
        quoted = "".join(sign for sign in plain if sign.isprintable()).replace("\\", "\\\\").replace('"', '\\"')
        found.headers.add("Warning", f'299 - "{quoted}"')
    return found
