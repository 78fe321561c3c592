"""Raw requests to the API server, for arranging and looking in tests. No errors are raised for statuses: read them."""

import asyncio
import json
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import aiohttp

from tests.controlplane.coordinates import Coordinates

TIMEOUT_S = 30.0
POLL_INTERVAL_S = 0.05
MERGE_PATCH = "application/merge-patch+json"


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: Any
    """Parsed JSON; the text when it is not JSON."""


class KubeRequest:
    """Call it: `status, body = await kube_request("GET", "/version")`. As cluster admin unless told otherwise."""

    def __init__(self, session: aiohttp.ClientSession, coordinates: Coordinates) -> None:
        self._session = session
        self._coordinates = coordinates

    @property
    def coordinates(self) -> Coordinates:
        """Where the API server is, and how it is entered."""
        return self._coordinates

    async def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        params: Mapping[str, str] | None = None,
        content_type: str | None = None,
        token: str | None = None,
    ) -> Answer:
        """One request. `body` becomes JSON; a PATCH is a merge patch unless `content_type` says otherwise."""
        headers = {"Authorization": f"Bearer {token or self._coordinates.admin_token}"}
        if body is not None:
            headers["Content-Type"] = content_type or (MERGE_PATCH if method == "PATCH" else "application/json")
        data = None if body is None else json.dumps(body).encode()
        async with self._session.request(method, path, data=data, params=params, headers=headers) as response:
            text = await response.text()
            is_json = response.content_type == "application/json"
            return Answer(response.status, json.loads(text) if is_json else text)

    async def until(self, path: str, accepted: Callable[[Answer], bool], timeout_s: float = TIMEOUT_S) -> Any:
        """GET `path` until its answer is accepted; returns that body. Raises AssertionError when the time is over."""
        deadline = time.monotonic() + timeout_s
        while not accepted(answer := await self("GET", path)):
            assert time.monotonic() < deadline, f"{path} is still not as expected after {timeout_s:.0f} s: {answer}"
            await asyncio.sleep(POLL_INTERVAL_S)
        return answer.body

    async def account_token(self, namespace: str, name: str, audiences: Sequence[str] = ()) -> str:
        """A token of a ServiceAccount that exists, by TokenRequest; no audiences: the API server's own."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        status, body = await self("POST", path, {"spec": {"audiences": list(audiences)}})
        assert status == 201, body
        return str(body["status"]["token"])


def trust(coordinates: Coordinates) -> ssl.SSLContext:
    """What verifies the API server. Making one takes 20 ms, so it is made once and handed on."""
    return ssl.create_default_context(cafile=coordinates.ca_file)


def open_session(coordinates: Coordinates, context: ssl.SSLContext | None = None) -> aiohttp.ClientSession:
    """A session for KubeRequest, to be closed by the caller."""
    connector = aiohttp.TCPConnector(ssl=context or trust(coordinates))
    return aiohttp.ClientSession(coordinates.url, timeout=aiohttp.ClientTimeout(total=TIMEOUT_S), connector=connector)
