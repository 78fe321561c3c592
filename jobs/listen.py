"""Hears of Applications that are created, changed or deleted, and marks them at once: no webhook is needed for that.

It also keeps the worker's view of all Applications. It reacts to what people ask for, never to what Pilothouse writes.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog

from jobs.enqueue import Mark
from jobs.kube import Kube
from jobs.kube_watch import Listed
from jobs.parts import Parts
from jobs.store import APPLICATIONS
from jobs.valkey import QueueDown

log = structlog.get_logger()

RETRY_S = 1.0
"""Seconds before marks that Valkey did not take are tried again."""


async def listen(parts: Parts, home: Kube) -> None:
    """Follow the Applications of every served namespace, until cancelled."""
    async with asyncio.TaskGroup() as group:
        for namespace in parts.settings.namespaces:
            group.create_task(_follow(namespace, parts, home))


async def _follow(namespace: str, parts: Parts, home: Kube) -> None:
    async for event in home.follow(APPLICATIONS, namespace=namespace):
        if isinstance(event, Listed):
            asking = _taken_in(namespace, event.items, parts)
            parts.view.listed(namespace)
            await _mark(parts, asking)
        elif event.type == "DELETED":
            await _mark(parts, [parts.view.drop(event.object)])
        elif parts.view.put(event.object):
            await _mark(parts, [_key(event.object)])


def _taken_in(namespace: str, items: tuple[Mapping[str, Any], ...], parts: Parts) -> list[str]:
    """A complete list: what asks for work, and what went while nobody was listening."""
    keys = [_key(item) for item in items if parts.view.put(item)]
    there = {_key(item) for item in items}
    gone = [key for key in parts.view if key.startswith(f"{namespace}/") and key not in there]
    for key in gone:
        parts.view.drop({"metadata": dict(zip(("namespace", "name"), key.split("/"), strict=True))})
    return [*keys, *gone]


async def _mark(parts: Parts, keys: list[str]) -> None:
    """A person waits for these, so a former failure does not hold them back. Valkey away: tried until it is back."""
    marks = [Mark("application", key, "changed", ends_backoff=True, group=parts.view.limit_groups(key)) for key in keys]
    while marks:
        try:
            await parts.queue.mark(marks)
        except QueueDown as error:
            log.warning("applications not marked yet", count=len(marks), error=error.message)
            await asyncio.sleep(RETRY_S)
        else:
            return


def _key(body: Mapping[str, Any]) -> str:
    return f"{body['metadata']['namespace']}/{body['metadata']['name']}"
