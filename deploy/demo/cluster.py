"""The Kubernetes API as an onlooker uses it: plain requests, none of Pilothouse's own code, so what it sees is true."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from deploy.demo.access import Access, access_of

Object = dict[str, Any]

MANAGER = "onlooker"
"""Field manager of what the demo creates; a hand edit names another."""
TIMEOUT_S = 30.0
TOO_MANY = 429
"""Also what a list of a new CRD's objects is answered with at first: "storage is (re)initializing"."""
TOO_MANY_PAUSE_S = 0.1
JSON, MERGE, APPLY = "application/json", "application/merge-patch+json", "application/apply-patch+yaml"


class ClusterError(Exception):
    """The API server refused."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class Cluster:
    """One cluster, seen through one connection pool."""

    def __init__(self, access: Access, session: aiohttp.ClientSession) -> None:
        self.access = access
        self._session = session

    @classmethod
    @asynccontextmanager
    async def connect(cls, kubeconfig: Path | str) -> AsyncIterator["Cluster"]:
        """The current context of a kubeconfig. Raises AccessError."""
        access = await access_of(kubeconfig)
        tls: ssl.SSLContext | bool = access.tls if access.tls is not None else True
        connector = aiohttp.TCPConnector(limit=200, ssl=tls)
        async with aiohttp.ClientSession(connector=connector, headers=access.headers, trust_env=True) as session:
            yield cls(access, session)

    async def request(
        self, method: str, path: str, body: object = None, *, kind: str = JSON, params: Mapping[str, str] | None = None
    ) -> Object:
        """One request and its answer; a 429 is asked again, as the API server wishes. kind: media type of the body.

        Raises ClusterError.
        """
        data = None if body is None else json.dumps(body).encode()
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                status, content = await self._once(method, path, data, {"Content-Type": kind}, params)
                if status != TOO_MANY:
                    break
                await asyncio.sleep(TOO_MANY_PAUSE_S)
        if status >= 300:
            raise ClusterError(status, str(content.get("message", "")))
        return content

    async def _once(
        self, method: str, path: str, data: bytes | None, headers: Mapping[str, str], params: Mapping[str, str] | None
    ) -> tuple[int, Object]:
        url = self.access.server + path
        async with self._session.request(method, url, data=data, params=params, headers=headers) as answer:
            return answer.status, dict(await answer.json(content_type=None))

    async def text(self, path: str) -> str:
        """The text at a path, e.g. /metrics. Raises ClusterError."""
        async with asyncio.timeout(TIMEOUT_S), self._session.get(self.access.server + path) as answer:
            text = await answer.text()
            if answer.status >= 300:
                raise ClusterError(answer.status, text[:200])
            return text

    async def get(self, path: str) -> Object | None:
        """The object, or None if there is none. Raises ClusterError."""
        try:
            return await self.request("GET", path)
        except ClusterError as error:
            if error.status == 404:
                return None
            raise

    async def apply(self, body: Object, *, manager: str = MANAGER) -> Object:
        """Server-side apply of one object. Raises ClusterError."""
        params = {"fieldManager": manager, "force": "true"}
        return await self.request("PATCH", path_of(body), body, kind=APPLY, params=params)

    async def edit(self, path: str, change: Object, *, manager: str) -> Object:
        """A merge patch, as a hand edit. Raises ClusterError."""
        return await self.request("PATCH", path, change, kind=MERGE, params={"fieldManager": manager})

    async def delete(self, path: str) -> None:
        """Delete, if it is there. Raises ClusterError."""
        try:
            await self.request("DELETE", path, {"propagationPolicy": "Background"})
        except ClusterError as error:
            if error.status != 404:
                raise

    @asynccontextmanager
    async def stream(self, path: str, params: Mapping[str, str]) -> AsyncIterator[aiohttp.StreamReader]:
        """An answer without an end, as a watch has. Raises ClusterError."""
        forever = aiohttp.ClientTimeout(total=None)
        async with self._session.get(self.access.server + path, params=params, timeout=forever) as answer:
            if answer.status >= 300:
                raise ClusterError(answer.status, (await answer.text())[:200])
            yield answer.content


def collection(api_version: str, plural: str, namespace: str = "") -> str:
    """The path of a collection."""
    root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
    return f"{root}/namespaces/{namespace}/{plural}" if namespace else f"{root}/{plural}"


def path_of(body: Object) -> str:
    """The path of an object whose kind has a plain plural."""
    metadata = body["metadata"]
    plural = body["kind"].lower() + "s"
    return f"{collection(body['apiVersion'], plural, metadata.get('namespace', ''))}/{metadata['name']}"
