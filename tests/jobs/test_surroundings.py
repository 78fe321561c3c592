"""Whom a changed AppProject, Secret or ConfigMap concerns: marked behind pushes, on a real queue."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from jobs.claim import Again
from jobs.clusters import TYPE_LABEL
from jobs.core.discovery import ApiResource
from jobs.enqueue import Mark, Queue
from jobs.kube_watch import Event, Listed
from jobs.settings import Settings
from jobs.surroundings import surroundings
from jobs.valkey import QueueDown
from jobs.view import View
from tests.builders import an_application_body
from tests.valkey import until

Json = dict[str, Any]
FAILS = {"status": {"conditions": [{"type": "ComparisonError", "message": "authentication failed"}]}}
FAR = {"spec": {"destination": {"server": "https://far.example.org"}}}
SHOP = {"spec": {"project": "shop"}}
EVERY = ("far", "fails", "shop", "web")


@dataclass
class HomeCluster:
    """Tells what it is given, of each kind."""

    told: dict[str, "asyncio.Queue[Listed | Event]"] = field(default_factory=dict)
    asked: dict[str, Json] = field(default_factory=dict)

    async def follow(self, resource: ApiResource, **how: Any) -> AsyncIterator[Listed | Event]:
        self.asked[resource.kind] = how
        events = self.told[resource.kind] = asyncio.Queue()
        while True:
            yield await events.get()


class Around:
    """The Applications, and how often it was forgotten what was read."""

    def __init__(self, queue: Any) -> None:
        self.cluster, self.queue, self.view = HomeCluster(), queue, View()
        self.home, self.settings = self, Settings(namespaces=("pilothouse",))
        self.forgotten = 0
        for name, over in {"web": {}, "shop": SHOP, "far": FAR, "fails": FAILS}.items():
            self.view.put(an_application_body(**{"metadata": {"name": name}} | over))

    def forget(self) -> None:
        self.forgotten += 1

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        parts: Any = SimpleNamespace(**{name: getattr(self, name) for name in ("queue", "view", "home", "settings")})
        cluster: Any = self.cluster
        task = asyncio.create_task(surroundings(parts, cluster))
        try:
            await until(lambda: len(self.cluster.told) == 3)
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def tell(self, kind: str, event: Listed | Event) -> None:
        """Let it be heard, and wait until it was."""
        before = self.forgotten
        self.cluster.told[kind].put_nowait(event)
        self.cluster.told[kind].put_nowait(Listed((), "1"))
        await until(lambda: self.forgotten == before + 2)


def event(name: str, kind: str = "MODIFIED", **labels: str) -> Event:
    return Event(kind, {"metadata": {"namespace": "pilothouse", "name": name, "labels": labels}})


async def marked(queue: Queue) -> list[str]:
    found = []
    while claim := await queue.claim():
        assert (claim.why, claim.background) == ("sweep", True)
        found.append(claim.key.partition("/")[2])
        await queue.done(claim)
    return sorted(found)


@pytest.mark.parametrize(
    ("kind", "heard", "names"),
    [
        ("AppProject", event("shop"), ("shop",)),
        ("AppProject", event("default", "DELETED"), ("fails", "far", "web")),
        ("AppProject", event("nobodys"), ()),
        ("Secret", event("cluster-far", **{TYPE_LABEL: "cluster"}), ("far",)),
        ("Secret", event("shop-repo", **{TYPE_LABEL: "repository"}), ("fails",)),
        ("Secret", event("shop-creds", **{TYPE_LABEL: "repo-creds"}), ("fails",)),
        ("ConfigMap", event("argocd-cm"), EVERY),
        ("ConfigMap", event("pilothouse-cm"), EVERY),
        ("ConfigMap", event("argocd-tls-certs-cm"), ("fails",)),
        ("ConfigMap", event("argocd-ssh-known-hosts-cm"), ("fails",)),
        ("ConfigMap", event("kube-root-ca.crt"), ()),
    ],
)
async def test_whom_a_change_concerns_is_marked(queue: Queue, kind: str, heard: Event, names: tuple[str, ...]) -> None:
    around = Around(queue)
    async with around.followed():
        await around.tell(kind, heard)
    assert await marked(queue) == sorted(names)


async def test_only_the_home_namespace_is_asked_and_only_for_metadata(queue: Queue) -> None:
    """Secrets are read when they are needed, by whoever needs them."""
    around = Around(queue)
    async with around.followed():
        asked = around.cluster.asked
    assert all((how["namespace"], how["metadata_only"]) == ("pilothouse", True) for how in asked.values())
    assert asked["Secret"]["label_selector"] == TYPE_LABEL


async def test_a_list_marks_nobody_but_what_was_read_is_read_again(queue: Queue) -> None:
    around = Around(queue)
    async with around.followed():
        await around.tell("Secret", Listed(({"metadata": {"name": "argocd-cm"}},), "1"))
    assert around.forgotten == 2
    assert await marked(queue) == []


async def test_what_failed_before_is_tried_at_once(queue: Queue) -> None:
    await queue.mark(Mark("application", "pilothouse/shop", "push"))
    claim = await queue.claim()
    assert claim is not None
    await queue.done(claim, Again(3600.0, "retry", 3600.0))
    around = Around(queue)
    async with around.followed():
        await around.tell("AppProject", event("shop"))
    found = await queue.claim()
    assert found is not None
    assert found.key == "pilothouse/shop"


async def test_a_queue_that_is_away_ends_nothing() -> None:
    class Away:
        tried = 0

        async def mark(self, marks: Any) -> None:
            self.tried += 1
            raise QueueDown("away")

    around = Around(Away())
    async with around.followed():
        await around.tell("AppProject", event("shop"))
        await around.tell("AppProject", event("shop"))
    assert around.queue.tried == 2
