"""Watches on what Pilothouse owns: whoever changes or removes something of it is answered at once, by a mark.

One watch for each kind and cluster, of metadata alone, by the ownership label; one worker leads those of a cluster
(lead.py), and sweeps it with one list for each kind. What an event means: inbox.py and core/judged.py.
"""

import asyncio
import random
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog

from jobs.clusters import Reached
from jobs.core.application import SKIP_RECONCILE
from jobs.core.discovery import ApiResource
from jobs.core.errors import KubeError, NotFound, StageError
from jobs.core.hooks import HOOK_RUN
from jobs.core.inventory import LABEL, NOISE, is_candidate
from jobs.core.judged import missing, trace_of
from jobs.core.objects import identity, metadata_of, texts
from jobs.core.order import HELM_HOOK, HOOK
from jobs.core.scope import Scope
from jobs.enqueue import Mark
from jobs.inbox import Heard, Inbox
from jobs.kube import Kube
from jobs.kube_watch import Event, Listed
from jobs.parts import Parts
from jobs.valkey import QueueDown

log = structlog.get_logger()

LOOK_S = 1.0
"""Between two looks whether Applications came with other kinds or clusters."""
REREAD_S = 30.0
"""A cluster's Secret may change although no Application does."""
JITTER = random.SystemRandom()

Json = Mapping[str, Any]


async def watch(parts: Parts) -> None:
    """Watch every cluster that Applications deploy to, wherever this worker leads; until cancelled."""
    holding: dict[str, _Held] = {}
    seen, read_at, clock = -1, 0.0, asyncio.get_running_loop().time
    try:
        while True:
            if parts.view.changes != seen or clock() - read_at > REREAD_S:
                seen, read_at = parts.view.changes, clock()
                _hold(holding, await _clusters(parts), parts)
            await asyncio.sleep(LOOK_S)
    finally:
        _hold(holding, {}, parts)


Destinations = set[str]
"""Keys of destinations that mean one cluster."""


async def _clusters(parts: Parts) -> dict[str, tuple[Reached, Destinations]]:
    """By name: the cluster, and the destinations that mean it."""
    found: dict[str, tuple[Reached, Destinations]] = {}
    for (destination, project), application in parts.view.destinations().items():
        try:
            reached = await parts.clusters.at(application.destination, project)
        except StageError as error:
            log.debug("cluster not watched", destination=destination, error=error.message)  # its runs say so
            continue
        if reached.cluster.skipped:
            continue
        found.setdefault(reached.cluster.name, (reached, set()))[1].add(destination)
    return found


@dataclass(frozen=True, slots=True)
class _Held:
    """A cluster that is watched whenever this worker leads there."""

    reached: Reached
    destinations: Destinations
    task: asyncio.Task[None]


def _hold(holding: dict[str, _Held], clusters: Mapping[str, tuple[Reached, Destinations]], parts: Parts) -> None:
    """Begin to watch what is new, end what is no more, or what has other credentials or limits now."""
    for name, held in list(holding.items()):
        if name not in clusters or clusters[name][0] != held.reached:
            held.task.cancel()
            del holding[name]
    for name, (reached, destinations) in clusters.items():
        if name in holding:
            holding[name].destinations.clear()
            holding[name].destinations.update(destinations)
            continue
        work = partial(_watch_cluster, reached, parts, destinations)
        task = asyncio.create_task(parts.lead.hold(f"watch:{name}:{reached.kube.server}", work))
        holding[name] = _Held(reached, destinations, task)


async def _watch_cluster(reached: Reached, parts: Parts, destinations: Destinations) -> None:
    inbox = Inbox(reached.kube, parts)
    await ClusterWatch(reached.kube, reached.cluster.scope, parts, destinations, inbox).run()


@dataclass(frozen=True, slots=True)
class _Following:
    """One watch: a kind, in one namespace or in the whole cluster (None)."""

    resource: ApiResource
    place: str | None
    task: asyncio.Task[None]


@dataclass(slots=True)
class ClusterWatch:
    """The watches of one cluster, and its sweep."""

    kube: Kube
    scope: Scope
    parts: Parts
    destinations: Destinations
    inbox: Inbox
    _following: dict[str, _Following] = field(default_factory=dict)
    """By path."""

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.inbox.run())
            group.create_task(self._sweep_for_ever())
            seen, read_at, clock = -1, 0.0, asyncio.get_running_loop().time
            while True:
                if self.parts.view.changes != seen or clock() - read_at > REREAD_S:
                    seen, read_at = self.parts.view.changes, clock()
                    await self._follow_kinds(group)
                await asyncio.sleep(LOOK_S)

    async def _follow_kinds(self, group: asyncio.TaskGroup) -> None:
        """Kinds come and go with the Applications, and with their CRDs."""
        kinds = {kind for each in self.parts.view.at(self.destinations).values() for kind in each}
        wanted: dict[str, tuple[ApiResource, str | None]] = {}
        for group_name, kind in kinds - NOISE:
            try:
                resource = await self.kube.api_resource(group_name, kind)
            except KubeError as error:
                log.debug("kind not watched", kind=kind, server=self.kube.server, error=error.message)
                continue
            if {"list", "watch"} <= resource.verbs:
                wanted |= {resource.path(place): (resource, place) for place in self.scope.places(resource)}
        for path in self._following.keys() - wanted.keys():
            self._following.pop(path).task.cancel()
        for path in wanted.keys() - self._following.keys():
            resource, place = wanted[path]
            self._following[path] = _Following(resource, place, group.create_task(self._follow(resource, place)))

    async def _follow(self, resource: ApiResource, place: str | None) -> None:
        events = self.kube.follow(resource, namespace=place, label_selector=LABEL, metadata_only=True)
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Listed):
                    await self._compare(resource, place, event.items)
                else:
                    self._heard(event)

    def _heard(self, event: Event) -> None:
        application = self._application_of(event.object)
        if application:
            heard = Heard(trace_of(event.object), gone=event.type == "DELETED")
            self.inbox.put(application, identity(event.object), heard)

    def _application_of(self, item: Json) -> str:
        """The key of the Application whose matter the object is; empty: nobody's, or nothing that can drift."""
        metadata = metadata_of(item)
        application = self.parts.view.labelled(texts(metadata.get("labels")).get(LABEL, ""))
        if application is None or application.destination.key not in self.destinations:
            return ""
        if application.annotations.get(SKIP_RECONCILE) == "true" or not is_candidate(item):
            return ""
        # A hook goes by its own policy, and is never drift.
        return "" if {HOOK, HELM_HOOK, HOOK_RUN} & {*(metadata.get("annotations") or {})} else application.key

    async def _compare(self, resource: ApiResource, place: str | None, items: Iterable[Json]) -> None:
        """A whole list: what is not as it was judged, what never was, and what is missing."""
        kind = (resource.group, resource.kind)
        keys = [key for key, kinds in self.parts.view.at(self.destinations).items() if kind in kinds]
        try:
            judged = await self.parts.judgements.read(keys, self.kube.server)
        except QueueDown as error:
            log.warning("list not judged", kind=resource.kind, error=error.message)
            return
        there = set()
        for item in items:
            key, target = self._application_of(item), identity(item)
            there.add(target)
            known = judged.get(key, {}).get(target)
            if key and (known is None or known.version != metadata_of(item).get("resourceVersion")):
                self.inbox.put(key, target, Heard(trace_of(item), swept=True))
        for key, traces in judged.items():
            for target, trace in traces.items():
                if target.group_kind == kind and target not in there and place in (None, target.namespace):
                    self.inbox.put(key, target, Heard(missing(trace), gone=True))

    async def _sweep_for_ever(self) -> None:
        """One list for each kind, however many Applications there are; a watch that went deaf is made up for."""
        while True:
            await asyncio.sleep(self.parts.settings.sweep_interval_s * JITTER.uniform(0.9, 1.1))
            for each in list(self._following.values()):
                await self._sweep(each.resource, each.place)

    async def _sweep(self, resource: ApiResource, place: str | None) -> None:
        try:
            listing = await self.kube.list(resource, place, label_selector=LABEL, metadata_only=True, cached=True)
        except NotFound:
            return  # its CRD is gone; what it held is told by its watch
        except KubeError as error:
            log.warning("sweep failed", kind=resource.kind, server=self.kube.server, error=error.message)
            await self._mark_users(resource)
            return
        await self._compare(resource, place, listing.items)

    async def _mark_users(self, resource: ApiResource) -> None:
        """What can't be swept together is compared one by one: each run then says what it may not see."""
        kind = (resource.group, resource.kind)
        keys = [key for key, kinds in self.parts.view.at(self.destinations).items() if kind in kinds]
        try:
            await self.parts.queue.mark([Mark("application", key, "sweep", background=True) for key in keys])
        except QueueDown as error:
            log.warning("sweep not marked", error=error.message)
