"""Hears of changed AppProjects, Secrets and ConfigMaps in the home namespace, and marks the Applications they concern.

What they say is read by clusters.py, which believes what it read until it hears from here.
"""

import asyncio
from collections.abc import Iterable
from contextlib import aclosing

import structlog

from jobs.clusters import CONFIG_MAPS, PROJECTS, SECRETS, TYPE_LABEL
from jobs.core.application import Application
from jobs.core.discovery import ApiResource
from jobs.core.objects import metadata_of, texts
from jobs.enqueue import Mark
from jobs.kube import Kube
from jobs.kube_watch import Event
from jobs.parts import Parts
from jobs.valkey import QueueDown

log = structlog.get_logger()

RULES = frozenset({"argocd-cm", "pilothouse-cm"})
"""ConfigMaps that say how every Application is compared."""
TRUST = frozenset({"argocd-tls-certs-cm", "argocd-ssh-known-hosts-cm"})
"""ConfigMaps that say which hosts are trusted."""


async def surroundings(parts: Parts, home: Kube) -> None:
    """Follow the three kinds, until cancelled."""
    async with asyncio.TaskGroup() as group:
        for resource, selector in ((PROJECTS, None), (SECRETS, TYPE_LABEL), (CONFIG_MAPS, None)):
            group.create_task(_follow(resource, selector, parts, home))


async def _follow(resource: ApiResource, selector: str | None, parts: Parts, home: Kube) -> None:
    events = home.follow(resource, namespace=parts.settings.home, label_selector=selector, metadata_only=True)
    async with aclosing(events):
        async for event in events:
            parts.home.forget()  # a list means that changes may have been missed
            if isinstance(event, Event):
                await _mark(_concerned(resource, event, parts), parts)


def _concerned(resource: ApiResource, event: Event, parts: Parts) -> Iterable[Application]:
    """The Applications for which what changed may change something."""
    applications = filter(None, map(parts.view.get, parts.view))
    metadata = metadata_of(event.object)
    name = str(metadata.get("name"))
    if resource is PROJECTS:
        return [each for each in applications if each.project == name]
    if resource is CONFIG_MAPS and name in RULES:
        return list(applications)
    if resource is SECRETS and texts(metadata.get("labels")).get(TYPE_LABEL) == "cluster":
        return [each for each in applications if not each.destination.is_home]
    if resource is SECRETS or name in TRUST:
        return [each for each in applications if _fails(each)]
    return []


def _fails(application: Application) -> bool:
    """Whether something is wrong with it that other credentials may mend."""
    return any(str(entry.get("type")).endswith("Error") for entry in application.status.get("conditions") or ())


async def _mark(applications: Iterable[Application], parts: Parts) -> None:
    """Behind pushes; that something relevant changed ends a back-off."""
    keys = [application.key for application in applications]
    if not keys:
        return
    marks = [Mark("application", key, "sweep", background=True, ends_backoff=True) for key in keys]
    try:
        await parts.queue.mark(marks)
    except QueueDown as error:
        log.warning("applications not marked", count=len(keys), error=error.message)  # a wiped queue marks all
