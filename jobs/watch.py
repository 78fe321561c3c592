"""Watches on what Pilothouse owns: whoever changes or removes something of it is answered at once, by a mark.

One watch for each kind and cluster, of metadata alone, by the ownership label; one worker leads those of a cluster
(lead.py), and sweeps it with one list for each kind. What an event means: inbox.py and core/judged.py.
"""

import asyncio
import random
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog

from jobs.clusters import Reached
from jobs.core.application import SKIP_RECONCILE, Application
from jobs.core.discovery import ApiResource
from jobs.core.errors import KubeError, NotFound, StageError
from jobs.core.inventory import LABEL, is_candidate, tracked_by
from jobs.core.judged import Traces, missing, trace_of
from jobs.core.objects import ObjectId, identity, metadata_of, texts
from jobs.core.plan import is_hook
from jobs.core.scope import Scope
from jobs.enqueue import Mark
from jobs.inbox import Heard, Inbox
from jobs.kube import Kube
from jobs.kube_list import Listing
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
        watching = [held.task for held in holding.values()]
        _hold(holding, {}, parts)
        await asyncio.gather(*watching, return_exceptions=True)  # so that another worker leads at once


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
        wanted: dict[str, tuple[ApiResource, str | None]] = {}
        for group_name, kind in {kind for each in self.parts.view.at(self.destinations).values() for kind in each}:
            try:
                resource = await self.kube.api_resource(group_name, kind)
            except NotFound:
                continue
            except KubeError as error:
                log.debug("kind not looked up", kind=kind, server=self.kube.server, error=error.message)
                wanted.update(self._followed(group_name, kind))  # nobody knows whether it went
                continue
            if {"list", "watch"} <= resource.verbs:
                wanted |= {resource.path(place): (resource, place) for place in self.scope.places(resource)}
        for path in self._following.keys() - wanted.keys():
            self._following.pop(path).task.cancel()
        for path in wanted.keys() - self._following.keys():
            resource, place = wanted[path]
            self._following[path] = _Following(resource, place, group.create_task(self._follow(resource, place)))

    def _followed(self, group: str, kind: str) -> dict[str, tuple[ApiResource, str | None]]:
        return {
            path: (each.resource, each.place)
            for path, each in self._following.items()
            if (each.resource.group, each.resource.kind) == (group, kind)
        }

    async def _follow(self, resource: ApiResource, place: str | None) -> None:
        events = self.kube.follow(resource, namespace=place, label_selector=LABEL, metadata_only=True)
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Listed):
                    await self._compare(resource, place, event)
                else:
                    self._heard(event)

    def _heard(self, event: Event) -> None:
        application = self._application_of(event.object)
        if application:
            self.inbox.put(application, identity(event.object), _told(event.object, gone=event.type == "DELETED"))

    def _application_of(self, item: Json) -> str:
        """The key of the Application whose matter the object is; empty: nobody's.

        The tracking id comes first: whoever changes the label must not make the object somebody else's.
        """
        view, label = self.parts.view, texts(metadata_of(item).get("labels")).get(LABEL, "")
        installation, _, name = tracked_by(item).partition("/")
        tracked = view.get(name.replace(".", "/", 1)) if installation == self.parts.settings.installation else None
        application = tracked or view.labelled(label)
        if application is None or application.destination.key not in self.destinations or _is_skipped(application):
            return ""
        # Not of a kind it never applied: a Service hands its labels on to its EndpointSlices.
        return application.key if identity(item).group_kind in view.kinds(application.key) else ""

    def _users(self, resource: ApiResource) -> list[str]:
        """The keys of the Applications here that ever applied objects of the kind."""
        view, kind = self.parts.view, (resource.group, resource.kind)
        found = {key: view.get(key) for key, kinds in view.at(self.destinations).items() if kind in kinds}
        return [key for key, application in found.items() if application and not _is_skipped(application)]

    async def _compare(self, resource: ApiResource, place: str | None, listing: Listed | Listing) -> None:
        """A whole list, as of a resourceVersion: what is not as it was judged, what never was, and what is missing."""
        kind = (resource.group, resource.kind)
        judged = await self._judged(resource)
        there: set[tuple[str, ObjectId]] = set()
        for item in listing.items:
            key, target = self._application_of(item), identity(item)
            there.add((key, target))
            known = judged.get(key, {}).get(target)
            if key and (known is None or known.version != metadata_of(item).get("resourceVersion")):
                self.inbox.put(key, target, _told(item, swept=True))
        for key, traces in judged.items():
            for target, trace in traces.items():
                if target.group_kind == kind and (key, target) not in there and place in (None, target.namespace):
                    self.inbox.put(key, target, Heard(missing(trace, listing.resource_version), gone=True))

    async def _judged(self, resource: ApiResource) -> dict[str, Traces]:
        """Asked until Valkey answers: what happened while nobody watched is told by this list alone."""
        while True:
            try:
                return await self.parts.judgements.read(self._users(resource), self.kube.server)
            except QueueDown as error:
                log.warning("list not judged yet", kind=resource.kind, error=error.message)
                await asyncio.sleep(LOOK_S)

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
        await self._compare(resource, place, listing)

    async def _mark_users(self, resource: ApiResource) -> None:
        """What can't be swept together is compared one by one: each run then says what it may not see."""
        try:
            marks = [Mark("application", key, "sweep", background=True) for key in self._users(resource)]
            await self.parts.queue.mark(marks)
        except QueueDown as error:
            log.warning("sweep not marked", error=error.message)


def _is_skipped(application: Application) -> bool:
    return application.annotations.get(SKIP_RECONCILE) == "true"


def _told(item: Json, *, gone: bool = False, swept: bool = False) -> Heard:
    return Heard(trace_of(item), gone=gone, swept=swept, odd=not is_candidate(item) or is_hook(item))
