"""A watch of one collection that remembers when it saw what: the clock of everything the demo and the bench measure."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import aiohttp

from deploy.demo.cluster import Cluster, ClusterError, Object

Condition = Callable[[Mapping[str, Object]], bool]
RETRY_S = 0.2


class NotSeen(Exception):
    """What was waited for did not come in time."""


@dataclass
class Watch:
    """The objects of a collection as last seen, by `namespace/name`."""

    objects: dict[str, Object] = field(default_factory=dict)
    events: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    """Notified after every event; watches that share one can be waited for together."""

    async def until(self, true: Condition, *, within_s: float, what: str = "") -> float:
        """Wait until a condition on the objects holds; `time.monotonic()` of the moment. Raises NotSeen, naming `what`.

        The condition is looked at after every event, so nothing that was there for a moment only is missed.
        """
        try:
            async with asyncio.timeout(within_s), self.changed:
                await self.changed.wait_for(lambda: true(self.objects))
                return time.monotonic()
        except TimeoutError:
            raise NotSeen(f"not seen within {within_s:g} s: {what}") from None

    async def _take(self, event: Object) -> None:
        found = event["object"]
        async with self.changed:
            self.events += 1
            if event["type"] == "DELETED":
                self.objects.pop(key_of(found), None)
            else:
                self.objects[key_of(found)] = found
            self.changed.notify_all()
        await asyncio.sleep(0)

    async def follow(self, cluster: Cluster, path: str, selector: str, version: str) -> None:
        """Watch for ever; list again when the connection or the version is lost."""
        while True:
            with suppress(aiohttp.ClientError, ClusterError, TimeoutError, OSError):
                await self._stream(cluster, path, selector, version)
            await asyncio.sleep(RETRY_S)
            with suppress(aiohttp.ClientError, ClusterError, TimeoutError, OSError):
                version = await self.list(cluster, path, selector)

    async def list(self, cluster: Cluster, path: str, selector: str) -> str:
        """Take what is there now; returns the version to watch from. Raises ClusterError."""
        listed = await cluster.request("GET", path, params=_params(selector))
        async with self.changed:
            self.objects = {key_of(item): item for item in listed["items"]}
            self.changed.notify_all()
        return str(listed["metadata"]["resourceVersion"])

    async def _stream(self, cluster: Cluster, path: str, selector: str, version: str) -> None:
        params = {**_params(selector), "watch": "true", "resourceVersion": version}
        async with cluster.stream(path, params) as lines:
            rest = b""
            async for chunk in lines.iter_any():
                *whole, rest = (rest + chunk).split(b"\n")
                for line in filter(None, whole):
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        return
                    await self._take(event)


@asynccontextmanager
async def watching(
    cluster: Cluster, path: str, selector: str = "", changed: asyncio.Condition | None = None
) -> AsyncIterator[Watch]:
    """Watch a collection while the body runs; what is there already is in `objects` from the start."""
    watch = Watch(changed=changed or asyncio.Condition())
    version = await watch.list(cluster, path, selector)
    task = asyncio.create_task(watch.follow(cluster, path, selector, version))
    try:
        yield watch
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _params(selector: str) -> dict[str, str]:
    return {"labelSelector": selector} if selector else {}


def key_of(body: Object) -> str:
    """`namespace/name`, or the name alone for an object of the cluster."""
    namespace, name = body["metadata"].get("namespace"), body["metadata"]["name"]
    return f"{namespace}/{name}" if namespace else str(name)
