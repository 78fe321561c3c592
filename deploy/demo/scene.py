"""What the story looks at: the cluster through watches, and how it says what it expected and what was there instead."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import aiohttp

from deploy.demo.cluster import Object, collection
from deploy.demo.repository import ENVIRONMENTS, NAME, Image
from deploy.demo.stage import Stage
from deploy.demo.watch import NotSeen, Watch, watching
from deploy.demo.working_copy import WorkingCopy

PATIENCE_S = 30.0
"""How long anything may take before the story counts as failed."""
SELECTOR = "app.kubernetes.io/name=shop"


class StoryError(Exception):
    """Something else happened than the story tells."""

    def __init__(self, expected: str, seen: str) -> None:
        super().__init__(f"expected: {expected}; seen: {seen}")
        self.expected, self.seen = expected, seen


@dataclass(frozen=True)
class Scene:
    """The stage, the developer's working copy, and three watches on the cluster."""

    stage: Stage
    image: Image
    copy: WorkingCopy
    applications: Watch
    deployments: Watch
    config_maps: Watch

    @classmethod
    @asynccontextmanager
    async def on(cls, stage: Stage, image: Image) -> AsyncIterator["Scene"]:
        """Start watching; ends with the block."""
        async with AsyncExitStack() as stack:
            paths = (
                (collection("argoproj.io/v1alpha1", "applications", stage.home), ""),
                (collection("apps/v1", "deployments"), SELECTOR),
                (collection("v1", "configmaps"), SELECTOR),
            )
            seen = asyncio.Condition()  # shared: what is waited for may concern several watches
            watches = [await stack.enter_async_context(watching(stage.cluster, *path, seen)) for path in paths]
            yield cls(stage, image, await stage.repository(NAME), *watches)

    async def until(self, true: Callable[[], bool], expected: str, seen: Callable[[], str]) -> float:
        """Wait until something is true of the watches; the moment. Raises StoryError."""
        try:
            return await self.applications.until(lambda _: true(), within_s=PATIENCE_S)
        except NotSeen:
            raise StoryError(expected, seen()) from None

    def read(self, path: str) -> str:
        """A file of the working copy."""
        return (self.copy.folder / path).read_text()

    def deployment(self, environment: str) -> Object:
        """The Deployment of an environment; empty if there is none."""
        return self.deployments.objects.get(f"shop-{environment}/shop", {})

    def image_of(self, environment: str) -> str:
        """The image that an environment's Deployment asks for; empty if there is none."""
        containers = self.deployment(environment).get("spec", {}).get("template", {}).get("spec", {}).get("containers")
        return str(containers[0]["image"]) if containers else ""

    def has(self, config_map: str, environment: str) -> bool:
        """Whether the ConfigMap is there."""
        return f"shop-{environment}/{config_map}" in self.config_maps.objects

    def application(self, environment: str) -> Object:
        """The Application of an environment; empty if there is none."""
        return self.applications.objects.get(f"{self.stage.home}/shop-{environment}", {})

    def state(self, environment: str) -> str:
        """Sync and health as `kubectl get applications` shows them."""
        status = self.application(environment).get("status") or {}
        sync, health = status.get("sync") or {}, status.get("health") or {}
        return f"{sync.get('status', 'no status')}, {health.get('status', 'no health')}"

    def states(self) -> str:
        """Both Applications, with what is wrong with them."""
        return "; ".join(f"shop-{each}: {self.state(each)} {self.conditions(each)}".strip() for each in ENVIRONMENTS)

    def conditions(self, environment: str) -> str:
        """The conditions of an Application, as one text."""
        status = self.application(environment).get("status") or {}
        return " ".join(f"{item['type']}: {item['message']}" for item in status.get("conditions") or ())

    def settled(self, environment: str, revision: str) -> bool:
        """Whether an Application reports a revision as deployed and healthy."""
        sync = (self.application(environment).get("status") or {}).get("sync") or {}
        return sync.get("revision") == revision and self.state(environment) == "Synced, Healthy"

    async def counted(self, url: str, name: str) -> float:
        """The sum of a counter over its labels, from a process's /metrics."""
        async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as answer:
            text = await answer.text()
        return sum(float(value) for value in re.findall(rf"^{re.escape(name)}(?:\{{[^}}]*\}})? (\S+)$", text, re.M))
