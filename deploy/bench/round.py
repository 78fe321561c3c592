"""One round: a fleet of one size on a stage of its own, and every figure of it, each beside its floor."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from deploy.bench import account, fleet, machine
from deploy.bench import figures as said
from deploy.bench.figures import Figure, percentile
from deploy.bench.floors import PATIENCE_S, PlainApply, PlainMirror, at_once
from deploy.demo.cluster import Cluster, Object, collection
from deploy.demo.stage import Stage
from deploy.demo.watch import Watch, watching

HEALS = 5
"""Objects changed by hand at the same moment."""
FLOOR_SAMPLES = 20
SWEEP_S = 60
"""The default; named beside what depends on it."""
RENDERS = re.compile(r"^pilothouse_renders_total (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Round:
    """What a round works with."""

    stage: Stage
    admin: Cluster
    applications: tuple[str, ...]
    namespace: str
    deployments: Watch
    states: Watch
    plain: PlainApply
    mirror: PlainMirror

    @classmethod
    @asynccontextmanager
    async def of(cls, size: int, *, admin: Cluster, kubeconfig: Path, folder: Path) -> AsyncIterator["Round"]:
        """Set the stage for `size` applications; the cluster is as before when the block ends."""
        home, namespace = f"bench-{size}", f"bench-{size}-apps"
        settings = {
            "PILOTHOUSE_NAMESPACES": home,
            "PILOTHOUSE_INSTALLATION": home,
            "PILOTHOUSE_SWEEP_INTERVAL_S": str(SWEEP_S),
            "PILOTHOUSE_RENDERERS": "2",
        }
        async with AsyncExitStack() as stack:
            await admin.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
            for each in (home, namespace):
                stack.push_async_callback(admin.delete, f"/api/v1/namespaces/{each}")
            up = Stage.up(kubeconfig=kubeconfig, settings=settings, folder=folder)
            stage = await stack.enter_async_context(up)
            path = collection("apps/v1", "deployments")
            deployments = await stack.enter_async_context(watching(admin, path, fleet.SELECTOR))
            path = collection("argoproj.io/v1alpha1", "applications", home)
            states = await stack.enter_async_context(watching(admin, path))
            plain = PlainApply(admin, deployments, f"bench-{size}-plain")
            mirror = PlainMirror(folder / "plain.git", stage.git_url(fleet.NAME))
            await mirror.create()
            yield cls(stage, admin, fleet.names(size), namespace, deployments, states, plain, mirror)

    @property
    def size(self) -> int:
        """How many applications."""
        return len(self.applications)

    def figure(self, name: str, value: float, unit: str, floor: float | None = None, note: str = "") -> Figure:
        """A figure of this round."""
        return Figure(name, self.size, value, unit, floor, note)

    async def first_sync(self) -> list[Figure]:
        """All Applications are created at once, on a repository that was pushed before."""
        await self.stage.push(fleet.NAME, fleet.charts(self.applications, "1.0.0"), "Add the fleet")
        url = self.stage.git_url(fleet.NAME)
        bodies = [
            fleet.application(name, home=self.stage.home, namespace=self.namespace, repository_url=url)
            for name in self.applications
        ]
        started = time.monotonic()
        await at_once(self.admin.apply(body) for body in bodies)
        applied = await self.all_run("1.0.0")
        healthy = await self._all_healthy()
        floor = await self.plain.everything(self.applications, "1.0.0")
        return [
            self.figure(said.FIRST_SYNC, applied - started, "s", floor),
            self.figure(said.ALL_HEALTHY, healthy - started, "s"),
        ]

    async def pushes(self, count: int) -> list[Figure]:
        """One chart per push; the next one comes when the last is deployed and reported."""
        await self.mirror.fetch()
        took, renders, fetches, applies = [], [], [], []
        for number in range(count):
            name, tag = self.applications[number % self.size], f"2.0.{number}"
            before = await self._renders()
            pushed = await self.stage.push(fleet.NAME, fleet.values((name,), tag), f"{name} {tag}")
            took.append(await self._runs(name, tag) - pushed.known_at)
            await self._reported(name, pushed.revision)
            renders.append(await self._renders() - before)
            if number < FLOOR_SAMPLES:
                fetches.append(await self.mirror.fetch())
                applies.append(await self.plain.images((name,), tag))
        floor = percentile(fetches, 0.5) + percentile(applies, 0.5)
        note = f"floor: fetch {percentile(fetches, 0.5):.3f} + apply {percentile(applies, 0.5):.3f} s"
        return [
            self.figure(said.PUSH_P50, percentile(took, 0.5), "s", floor, f"{count} pushes; {note}"),
            self.figure(said.PUSH_P99, percentile(took, 0.99), "s", floor, f"longest {max(took):.3f} s"),
            self.figure(said.RENDERS, max(renders), ""),
        ]

    async def all_changed(self) -> list[Figure]:
        """One push that changes every chart."""
        pushed = await self.stage.push(fleet.NAME, fleet.values(self.applications, "3.0.0"), "Release all")
        took = await self.all_run("3.0.0") - pushed.known_at
        await self._all_healthy()
        return [self.figure(said.ALL_CHANGED, took, "s", await self.plain.images(self.applications, "3.0.0"))]

    async def drift(self) -> list[Figure]:
        """Replica counts changed by hand, until they are back."""
        names = self.applications[:HEALS]
        took = await asyncio.gather(*(self._healed(name) for name in names))
        floor = await self.plain.images((names[0],), "4.0.0")
        note = "heard of by the watches"
        return [
            self.figure(said.HEAL_P50, percentile(took, 0.5), "s", floor, note),
            self.figure(said.HEAL_MAX, max(took), "s", floor, note),
        ]

    async def idle(self, for_s: float) -> list[Figure]:
        """What the API server is asked when nothing happens, sweeps included."""
        await asyncio.sleep(2.0)  # what was deployed last is still being written down
        before, started = await account.requests_of(self.admin), time.monotonic()
        await asyncio.sleep(for_s)
        requests = await account.requests_of(self.admin) - before
        per_minute = requests * 60 / (time.monotonic() - started)
        return [self.figure(said.IDLE, per_minute, "/min", 0.0, f"over {for_s:g} s; a sweep every {SWEEP_S} s")]

    def memory(self, pushes: int) -> list[Figure]:
        """Receiver, worker, renderers and Valkey together."""
        pids = (self.stage.receiver.pid, *self.stage.worker_pids, self.stage.valkey.child.pid)
        return [self.figure(said.MEMORY, machine.pss_mb(pids), "MB", None, f"two renderers, after {pushes} pushes")]

    async def all_run(self, tag: str) -> float:
        """When the last application had the image, as the watch saw it."""
        keys, image = [f"{self.namespace}/{name}" for name in self.applications], f"{fleet.IMAGE}:{tag}"

        def there(found: Mapping[str, Object]) -> bool:
            return all(key in found and fleet.image_of(found[key]) == image for key in keys)

        return await self.deployments.until(there, within_s=PATIENCE_S, what=f"{image} everywhere")

    async def _runs(self, name: str, tag: str) -> float:
        key, image = f"{self.namespace}/{name}", f"{fleet.IMAGE}:{tag}"
        return await self.deployments.until(
            lambda found: fleet.image_of(found[key]) == image, within_s=PATIENCE_S, what=f"{name} runs {image}"
        )

    async def _healed(self, name: str) -> float:
        key = f"{self.namespace}/{name}"
        path = f"{collection('apps/v1', 'deployments', self.namespace)}/{name}"
        seen = self.deployments.until(lambda found: found[key]["spec"]["replicas"] == 2, within_s=5.0)
        edited = asyncio.create_task(seen)  # from before the edit: it may be put back before its answer is here
        await asyncio.sleep(0)
        await self.admin.edit(path, {"spec": {"replicas": 2}}, manager="kubectl-edit")
        started = await edited
        healed = await self.deployments.until(
            lambda found: found[key]["spec"]["replicas"] == 1, within_s=PATIENCE_S, what=f"{name} healed"
        )
        return healed - started

    async def _reported(self, name: str, revision: str) -> None:
        """Until the Application reports the revision as Synced and Healthy."""
        key = f"{self.stage.home}/{name}"
        await self.states.until(
            lambda found: _reports(found[key], revision), within_s=PATIENCE_S, what=f"{name} reports {revision}"
        )

    async def _all_healthy(self) -> float:
        return await self.states.until(
            lambda found: all(_reports(item) for item in found.values()), within_s=PATIENCE_S, what="all Healthy"
        )

    async def _renders(self) -> float:
        url = f"{self.stage.worker_url(self.stage.workers[0])}/metrics"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return float(RENDERS.findall(await answer.text())[0])


def _reports(application: Object, revision: str = "") -> bool:
    """Whether it is Synced and Healthy, at a revision if one is given."""
    status = application.get("status") or {}
    sync, health = status.get("sync") or {}, status.get("health") or {}
    fine = (sync.get("status"), health.get("status")) == ("Synced", "Healthy")
    return fine and revision in ("", sync.get("revision"))
