"""The first lines of every handler: who asks, for which Application, and may they; and the answer's form."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import orjson
from aiohttp import web

from jobs.core.application import application_of
from jobs.core.errors import InvalidSpecError
from jobs.enqueue import Mark
from receiver.access import Access, Caller
from receiver.asked import One, name_of, namespace_of, query_of
from receiver.errors import Forbidden, Missing

Object = dict[str, Any]
Q = TypeVar("Q", bound=One)

MAX_BODY_BYTES = 1_000_000
TIMEOUT_S = 10.0
"""For all the API server has to do for one answer; a wait is asked for in its own words."""
BODY_TIMEOUT_S = 2 * TIMEOUT_S
"""The same where a body is read first, which has 10 s of its own."""


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

    async def project(self, namespace: str, name: str) -> Mapping[str, Any] | None:
        """An AppProject; None: there is none."""


class Queue(Protocol):
    """The part of the queue that the API needs. Raises QueueDown."""

    async def mark(self, marks: list[Mark]) -> None:
        """Write the marks; durable on return."""

    async def ask(self, kind: str, key: str, request: str, timeout_s: float = 10.0, *, group: str = "") -> bytes | None:
        """A worker's answer to a question about something live; None: none came in time. group: as in a mark."""


def manual_mark(key: str, found: Mapping[str, Any]) -> Mark:
    """A person asks: no back-off of what failed before holds it back."""
    return Mark("application", key, "manual", ends_backoff=True, group=limit_groups(found))


def limit_groups(found: Mapping[str, Any]) -> str:
    """Whom an Application shares limits with; empty: its spec makes no sense, so no cluster will be asked."""
    try:
        return application_of(found).limit_groups
    except InvalidSpecError:
        return ""


@dataclass(frozen=True, slots=True)
class Asked(Generic[Q]):
    """A request about one Application, by somebody who may make it."""

    caller: Caller
    query: Q
    namespace: str
    name: str
    """Empty: of an Application that has yet to be made."""

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"


class Desk:
    """Asked by all handlers."""

    def __init__(self, served: tuple[str, ...], access: Access, applications: Applications) -> None:
        """served: namespaces, home first."""
        self.served, self.access, self.applications = served, access, applications

    @property
    def home(self) -> str:
        """Where AppProjects are."""
        return self.served[0]

    async def one(self, request: web.Request, shape: type[Q], verb: str) -> Asked[Q]:
        """Who asks for which Application; allowed, before anything is read: a stranger learns nothing of what exists.

        Raises Unauthenticated, BadRequest, Missing for what cannot be an Application here, Forbidden.
        """
        caller = await self.access.caller(request)
        query = query_of(request.query, shape)
        namespace = namespace_of(query.app_namespace, self.served)
        name = name_of(request.match_info["name"]) if "name" in request.match_info else ""
        await self.access.require(caller, verb, namespace, name)
        return Asked(caller, query, namespace, name)

    async def listed(self, caller: Caller, namespace: str) -> tuple[str, ...]:
        """The namespaces in which the caller may list, of all that are served, or of one. Raises Missing, Forbidden."""
        asked = (namespace_of(namespace, self.served, "namespace"),) if namespace else self.served
        allowed = tuple([each for each in asked if await self.access.may(caller, "list", each)])
        if not allowed:
            await self.access.require(caller, "list", asked[0])
            raise Forbidden("listing was just allowed again; try again")
        return allowed

    async def found(self, asked: Asked[Q]) -> Object:
        """The Application as it is now. Raises Missing."""
        found = await self.applications.get(asked.namespace, asked.name)
        if found is None:
            raise Missing(f"there is no Application {asked.key}")
        return found


def answer(body: Object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """By orjson: a page may have many megabytes, and everybody else waits while it is written."""
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json", headers=headers)
