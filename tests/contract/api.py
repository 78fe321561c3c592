"""One way to speak to both API servers: the sandbox and the real one."""

import asyncio
import io
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, NamedTuple

import aiohttp

TIMEOUT_S = 20.0
POLL_S = 0.03
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
CORE = "/api/v1"
APPS = "/apis/apps/v1"
BATCH = "/apis/batch/v1"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class Answer(NamedTuple):
    """What came back; `body` is parsed JSON, or text where it is none."""

    status: int
    body: Any
    headers: Mapping[str, str]


class Api:
    """Requests as cluster admin (or with another token) in a namespace of the test's own."""

    def __init__(self, session: aiohttp.ClientSession, token: str, namespace: str) -> None:
        self._session = session
        self._token = token
        self.namespace = namespace

    def path(self, prefix: str, plural: str, name: str = "") -> str:
        """The path of a namespaced resource in the test's namespace."""
        return "/".join(part for part in (prefix, "namespaces", self.namespace, plural, name) if part)

    async def __call__(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None, **params: str
    ) -> Answer:
        """One request. A body that isn't bytes becomes JSON; a PATCH is a merge patch unless headers say otherwise."""
        usual = {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": MERGE if method == "PATCH" else "application/json",
            "User-Agent": "contract/1",
        }
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        data = None if raw is None else io.BytesIO(raw)
        sent = {**usual, **(headers or {})}
        async with self._session.request(method, path, data=data, params=params, headers=sent) as response:
            text = await response.text()
            return Answer(response.status, _parsed(text), dict(response.headers))

    async def get(self, path: str, **params: str) -> Any:
        """The body of a GET that succeeds."""
        answer = await self("GET", path, headers=None, **params)
        assert answer.status == 200, answer.body
        return answer.body

    async def create(self, path: str, body: Any, **params: str) -> Any:
        """The body of a POST that succeeds."""
        answer = await self("POST", path, body, headers=None, **params)
        assert answer.status == 201, answer.body
        return answer.body

    async def patch(self, path: str, body: Any, kind: str = MERGE, **params: str) -> Answer:
        """A PATCH of a content type."""
        return await self("PATCH", path, body, headers={"Content-Type": kind}, **params)

    async def apply(self, path: str, manifest: Any, manager: str = "one", **params: str) -> Answer:
        """A server-side apply."""
        return await self.patch(path, manifest, APPLY, fieldManager=manager, **params)

    async def applied(self, path: str, manifest: Any, manager: str = "one", **params: str) -> Any:
        """The body of a server-side apply that succeeds."""
        answer = await self.apply(path, manifest, manager, **params)
        assert answer.status in (200, 201), answer.body
        return answer.body

    async def until(self, path: str, accepted: Callable[[Answer], bool]) -> Any:
        """GET until the answer is accepted. AssertionError when the time is over."""
        deadline = time.monotonic() + TIMEOUT_S
        while not accepted(answer := await self("GET", path)):
            assert time.monotonic() < deadline, f"{path} is still not as expected: {answer}"
            await asyncio.sleep(POLL_S)
        return answer.body

    async def watch(self, path: str, accept: str = "application/json", **params: str) -> AsyncIterator[Any]:
        """The events of a watch."""
        headers = {"Authorization": f"Bearer {self._token}", "Accept": accept}
        query = {"watch": "1", "timeoutSeconds": "15", **params}
        async with self._session.get(path, params=query, headers=headers) as response:
            async for line in response.content:
                yield json.loads(line)

    async def events(self, path: str, count: int, accept: str = "application/json", **params: str) -> list[Any]:
        """The first events of a watch."""
        found = []
        async with asyncio.timeout(TIMEOUT_S):
            async for event in self.watch(path, accept, **params):
                found.append(event)
                if len(found) == count:
                    break
        return found

    def with_token(self, token: str) -> "Api":
        """The same server and namespace as somebody else."""
        return Api(self._session, token, self.namespace)


def _parsed(text: str) -> Any:
    """JSON where it is JSON; not every answer says so."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def owners(obj: Any) -> dict[str, Any]:
    """Manager (with its subresource) -> fieldsV1."""
    return {
        entry["manager"] + (f"/{entry['subresource']}" if entry.get("subresource") else ""): entry["fieldsV1"]
        for entry in obj["metadata"].get("managedFields", [])
    }


def causes(answer: Answer) -> set[tuple[str, str]]:
    """(field, reason) of everything that a 422 or 409 names."""
    return {(cause.get("field", ""), cause["reason"]) for cause in answer.body["details"].get("causes", [])}
