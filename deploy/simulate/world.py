"""Workers, their queue and their handlers: the real queue, runner and core, in front of clusters that stand in."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from deploy.simulate import stand_in
from deploy.simulate.stand_in import Cluster
from jobs.claim import Again, Claim
from jobs.core import costs
from jobs.core.affected import effect
from jobs.core.application import Application
from jobs.core.errors import Unreachable
from jobs.core.inventory import Owner, marked
from jobs.core.objects import Manifest, ObjectId
from jobs.core.order import steps
from jobs.core.plan import Observed, make
from jobs.core.progress import Apply, next_step
from jobs.core.repository import Repository
from jobs.core.rules import Rules
from jobs.core.run import Aim, resumed
from jobs.enqueue import Mark, Queue, QueueDown
from jobs.probes import Metrics
from jobs.runner import Runner
from jobs.wiring import wall_clock

FETCH_S = 0.05
"""One fetch of a repository that moved."""
CONCURRENCY = 16
LIMITS = {"repo": 64, "cluster": 32}
"""For ten workers; `repo` is higher than the default, which is made for one or two."""
BACK_OFF_S = 5.0
INSTALLATION = "simulated"

Json = Mapping[str, Any]


@dataclass(slots=True)
class World:
    """Everything there is."""

    fleet: costs.Fleet
    queue: Queue
    clusters: list[Cluster]
    applications: dict[str, Application] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    """What Git says now, by Application key."""
    live: dict[str, dict[ObjectId, Json]] = field(default_factory=dict)
    applied_at: dict[tuple[str, str], float] = field(default_factory=dict)
    """(Application key, tag) -> `time.monotonic()` of the last apply."""
    news: asyncio.Event = field(default_factory=asyncio.Event)
    deployed: dict[str, str] = field(default_factory=dict)
    by_repository: dict[str, list[str]] = field(default_factory=dict)

    def populate(self) -> None:
        """All Applications, deployed as Git says: a tenth in one repository, the others and all clusters evenly."""
        for number in range(self.fleet.applications):
            place = number % (self.fleet.repositories - 1) + 1 if number % 10 else 0
            url = f"https://git.example.org/repo-{place}.git"
            cluster = self.clusters[number % self.fleet.clusters]
            found = stand_in.application(number, repository=url, cluster=cluster.name, key="tag-0")
            self.applications[found.key], self.tags[found.key] = found, "tag-0"
            self.deployed[found.key] = "tag-0"
            self.live[found.key] = {item.id: _live(item) for item in self._rendered(found)}
            self.by_repository.setdefault(Repository.of(url).name, []).append(found.key)

    async def push(self, keys: list[str], tag: str) -> float:
        """Git says another tag for these Applications, and their repositories are marked; when that was asked for."""
        self.tags.update(dict.fromkeys(keys, tag))
        names = {Repository.of(self.applications[key].sources[0].repo_url).name for key in keys}
        started = time.monotonic()
        while True:
            try:
                await self.queue.mark([Mark("repository", name, "push") for name in names])
            except QueueDown:
                continue  # all workers share one process here, so an answer may come late; a receiver tries again too
            return started

    async def until_applied(self, keys: list[str], tag: str, *, within_s: float) -> float:
        """When the last of them was applied. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            missing = set(keys)
            while missing := {key for key in missing if (key, tag) not in self.applied_at}:
                self.news.clear()
                await self.news.wait()
                await asyncio.sleep(len(missing) * 1e-5)  # many are not counted anew after each
        return max(self.applied_at[key, tag] for key in keys)

    async def refresh(self, claim: Claim) -> Again | None:
        """Fetch, compare every source key, mark whom it concerns; as jobs/refresh.py."""
        await asyncio.sleep(FETCH_S)
        marks = []
        for key in self.by_repository[claim.key]:
            aim = Aim(("c" * 40,), self.tags[key])
            if self.tags[key] != self.deployed[key] and effect(self.applications[key], aim).concerned:
                group = self.applications[key].limit_groups
                marks.append(Mark("application", key, "push", group=group, ends_backoff=True))
        await self.queue.mark(marks)
        return None

    async def deploy(self, claim: Claim) -> Again | None:
        """Compare, plan and apply; as jobs/deploy.py."""
        found, tag = self.applications[claim.key], self.tags[claim.key]
        cluster = next(each for each in self.clusters if each.name == found.destination.server)
        try:
            await cluster.asked(costs.compared(self.fleet, 1), rounds=3)
            rendered = self._rendered(found)
            observed = Observed(live=self.live[claim.key], predicted={item.id: _live(item) for item in rendered})
            owner = Owner(INSTALLATION, found.namespace, found.name)
            todo = make(steps(rendered), observed, Rules(application=found, owner=owner, operation="o", prune=True))
            step = next_step(todo, resumed(found, Aim(("c" * 40,), tag), claim.token, wall_clock()).begun(heal=False))
            if isinstance(step, Apply):
                await cluster.asked(len(step.changes), rounds=1)
                self.live[claim.key].update({change.id: _live(change.manifest) for change in step.changes})
            await cluster.asked(3, rounds=1)  # status and Events
        except Unreachable:
            return Again(BACK_OFF_S, "retry", BACK_OFF_S)
        self.deployed[claim.key] = tag
        self.applied_at[claim.key, tag] = time.monotonic()
        self.news.set()
        return None

    def _rendered(self, application: Application) -> tuple[Manifest, ...]:
        owner = Owner(INSTALLATION, application.namespace, application.name)
        tag = self.tags[application.key]
        wanted = stand_in.manifests(application.destination.namespace, tag, self.fleet.objects)
        return tuple(Manifest(item.id, item.version, marked(item, owner)) for item in wanted)


@asynccontextmanager
async def running(fleet: costs.Fleet, url: SecretStr, *, dead: int = 0) -> AsyncIterator[World]:
    """A world whose workers work. dead: how many of the clusters don't answer."""
    clusters = [Cluster(f"https://cluster-{n}.example.org", dead=n < dead) for n in range(fleet.clusters)]
    async with AsyncExitStack() as stack:
        queues = [Queue(url, limits=LIMITS) for _ in range(fleet.workers)]
        for queue in queues:
            stack.push_async_callback(queue.close)
        world = World(fleet, queues[0], clusters)
        world.populate()
        group = await stack.enter_async_context(asyncio.TaskGroup())
        tasks = [group.create_task(_worker(world, queue, group)) for queue in queues]
        yield world
        for task in tasks:
            task.cancel()


async def _worker(world: World, queue: Queue, group: asyncio.TaskGroup) -> None:
    """Claims when it is woken, as jobs/worker.py."""
    handlers = {"repository": world.refresh, "application": world.deploy}
    runner = Runner(queue, handlers, concurrency=CONCURRENCY, metrics=Metrics())
    wake_ups = queue.wake_ups()
    listening = group.create_task(wake_ups.listen())
    jobs: set[asyncio.Task[None]] = set()
    try:
        while True:
            if runner.has_room and len(jobs) < CONCURRENCY:
                job = group.create_task(runner.run_until_empty())
                jobs.add(job)
                job.add_done_callback(jobs.discard)
            await wake_ups.wait(0.5)
    finally:
        runner.stop()
        for task in (listening, *jobs):
            task.cancel()


def _live(manifest: Manifest) -> Json:
    """The object as an API server has it after it was applied."""
    entry = {"manager": "pilothouse", "operation": "Apply", "fieldsV1": LABELLED}
    metadata = {**manifest.body["metadata"], "uid": manifest.id.name, "resourceVersion": "1", "managedFields": [entry]}
    return {**manifest.body, "metadata": metadata}


LABELLED: Json = {"f:metadata": {"f:labels": {"f:pilothouse.dev/application": {}}}}
