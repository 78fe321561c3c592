"""Asks one API server what it serves, and remembers the answer for a while. What it means is core/discovery.py's."""

import asyncio
import time
from typing import Any

from jobs.core.discovery import Discovery, GroupVersion, aggregated, combined, group_versions_of, is_aggregated
from jobs.core.discovery import with_resources as resources_of
from jobs.core.errors import KubeError
from jobs.kube_http import Http

ACCEPT = ",".join(
    [
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
        "application/json",
    ]
)


class DiscoveryCache:
    """The discovery of one API server: in memory, one fetch at a time, shared by all that wait for it."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._lock = asyncio.Lock()
        self._held: Discovery | None = None
        self._version = ""
        self._held_at = 0.0

    async def get(self, max_age_s: float) -> Discovery:
        """What the server serves, asked at most max_age_s ago. Raises KubeError."""
        async with self._lock:
            if self._held is None or time.monotonic() - self._held_at > max_age_s:
                self._held = await self._fetch()
                self._held_at = time.monotonic()
            return self._held

    async def version(self) -> str:
        """The server's version, e.g. `v1.36.3`; asked again when the discovery was thrown away."""
        if not self._version:
            answer = await self._http.request("GET", "/version")
            self._version = str(answer.body.get("gitVersion") or "")
        return self._version

    def invalidate(self) -> None:
        """Forget: a CRD was installed or removed, or the server replaced."""
        self._held = None
        self._version = ""

    async def _fetch(self) -> Discovery:
        core, groups = await asyncio.gather(self._document("/api"), self._document("/apis"))
        if is_aggregated(core) and is_aggregated(groups):
            return aggregated(core, groups)
        plain = [await self._document(path, "application/json") for path in ("/api", "/apis")]
        listed = group_versions_of(*plain)
        return combined(await asyncio.gather(*(self._with_resources(where) for where in listed)))

    async def _with_resources(self, where: GroupVersion) -> GroupVersion:
        path = f"/apis/{where.name}" if where.group else f"/api/{where.name}"
        try:
            return resources_of(where, await self._document(path, "application/json"))
        except KubeError:
            # Like freshness "Stale" of aggregated discovery: the group is there, its own server isn't.
            return resources_of(where, None)

    async def _document(self, path: str, accept: str = ACCEPT) -> Any:
        return (await self._http.request("GET", path, accept=accept)).body
