"""What the same work costs without Pilothouse: plain `git fetch`, plain server-side apply of the same objects."""

import asyncio
import time
from collections.abc import Awaitable, Iterable
from pathlib import Path

from deploy.bench import fleet
from deploy.demo.cluster import Cluster
from deploy.demo.watch import Watch
from deploy.demo.working_copy import git

PATIENCE_S = 300.0
AT_ONCE = 16
"""As many applications as one worker deploys at the same time."""


class PlainMirror:
    """A bare mirror, fetched into by nothing but git."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder, self._url = folder, url

    async def create(self) -> None:
        """An empty one."""
        self._folder.mkdir(parents=True)
        await git(self._folder, "init", "-q", "--bare")

    async def fetch(self) -> float:
        """Fetch what is new; seconds."""
        started = time.monotonic()
        await git(self._folder, "fetch", "-q", "--no-tags", self._url, "+refs/heads/*:refs/heads/*")
        return time.monotonic() - started


class PlainApply:
    """The fleet's objects in a namespace of their own, applied by nothing but one PATCH each."""

    def __init__(self, cluster: Cluster, deployments: Watch, namespace: str) -> None:
        self._cluster, self._deployments, self._namespace = cluster, deployments, namespace

    async def everything(self, applications: tuple[str, ...], tag: str) -> float:
        """All objects of all applications, to the last accepted apply; seconds."""
        await self._cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self._namespace}})
        started = time.monotonic()
        await at_once(self._all_of(name, tag) for name in applications)
        return time.monotonic() - started

    async def images(self, applications: tuple[str, ...], tag: str) -> float:
        """A new image for all applications, to the last one seen in the watch; seconds."""
        started = time.monotonic()
        await at_once(self._cluster.apply(self._objects(name, tag)[-1]) for name in applications)
        keys = [f"{self._namespace}/{name}" for name in applications]
        image = f"{fleet.IMAGE}:{tag}"
        seen = await self._deployments.until(
            lambda found: all(fleet.image_of(found[key]) == image for key in keys), within_s=PATIENCE_S, what=image
        )
        return seen - started

    async def remove(self) -> None:
        """Take the objects away again."""
        await self._cluster.delete(f"/api/v1/namespaces/{self._namespace}")

    async def _all_of(self, name: str, tag: str) -> None:
        for body in self._objects(name, tag):
            await self._cluster.apply(body)

    def _objects(self, name: str, tag: str) -> tuple[dict[str, object], ...]:
        return fleet.manifests(name, namespace=self._namespace, tag=tag)


async def at_once(work: Iterable[Awaitable[object]]) -> None:
    """Do all of it, AT_ONCE at a time."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(item: Awaitable[object]) -> None:
        async with room:
            await item

    await asyncio.gather(*(one(item) for item in work))
