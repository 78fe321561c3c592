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
from deploy.bench.heals import EDITS, Heals
from deploy.demo.cluster import Cluster, Object, collection
from deploy.demo.stage import Stage
from deploy.demo.watch import Watch, watching

HEALS = 20
"""How often each kind of edit is made: the last must be put back as soon as the first."""
SETTLE_S = 65.0
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
    heals: Heals
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
            services = await stack.enter_async_context(watching(admin, collection("v1", "services"), fleet.SELECTOR))
            heals = Heals(admin, {"deployments": deployments, "services": services}, namespace)
            path = collection("argoproj.io/v1alpha1", "applications", home)
            states = await stack.enter_async_context(watching(admin, path))
            plain = PlainApply(admin, deployments, f"bench-{size}-plain")
            mirror = PlainMirror(folder / "plain.git", stage.git_url(fleet.NAME))
            await mirror.create()
            yield cls(stage, admin, fleet.names(size), namespace, deployments, states, heals, plain, mirror)

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
        """Each kind of hand edit, so many times at one application, one after the other."""
        name = self.applications[-1]
        took = {edit: [await self.heals.timed(edit, name) for _ in range(HEALS)] for edit in EDITS}
        every = [value for values in took.values() for value in values]
        floor = await self.plain.images((name,), "4.0.0")
        note = ", ".join(f"{edit.name} {percentile(values, 0.5):.3f}" for edit, values in took.items())
        last = percentile([values[-1] for values in took.values()], 0.5)
        return [
            self.figure(said.HEAL_P50, percentile(every, 0.5), "s", floor, note),
            self.figure(said.HEAL_LAST, last, "s", floor, f"the {HEALS}th of each kind"),
            self.figure(said.HEAL_MAX, max(every), "s", floor, f"of {len(every)}"),
        ]

    async def idle(self, for_s: float) -> list[Figure]:
        """What the API server is asked, and what it costs, when nothing happens; sweeps included."""
        await asyncio.sleep(SETTLE_S)  # what was deployed last is still being written down, and swept once
        before, started = await account.requests_of(self.admin), time.monotonic()
        cpu_s = machine.cpu_s(self._pids)
        await asyncio.sleep(for_s)
        passed_s = time.monotonic() - started
        busy = (machine.cpu_s(self._pids) - cpu_s) * 100 / passed_s
        per_minute = (await account.requests_of(self.admin) - before) * 60 / passed_s
        note = f"over {for_s:g} s; a sweep every {SWEEP_S} s"
        return [
            self.figure(said.IDLE, per_minute, "/min", 0.0, note),
            self.figure(said.IDLE_CPU, busy, "%", 0.0, f"of one core, {note}"),
        ]

    def memory(self, pushes: int) -> list[Figure]:
        """Receiver, worker, renderers and Valkey together."""
        held = machine.pss_mb(self._pids)
        return [self.figure(said.MEMORY, held, "MB", None, f"two renderers, after {pushes} pushes")]

    @property
    def _pids(self) -> tuple[int, ...]:
        return (self.stage.receiver.pid, *self.stage.worker_pids, self.stage.valkey.child.pid)

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
