"""Hears of Applications that are created, changed or deleted, and marks them at once: no webhook is needed for that.

It also keeps the worker's view of all Applications. It reacts to what people ask for, never to what Pilothouse writes.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import structlog

from jobs.enqueue import Mark
from jobs.kube import Kube
from jobs.kube_watch import Listed
from jobs.parts import Parts
from jobs.release import farewell
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
            await _mark(parts, [_gone(_key(event.object), parts)])
        elif parts.view.put(event.object):
            await _mark(parts, [_changed(_key(event.object), parts)])


def _taken_in(namespace: str, items: tuple[Mapping[str, Any], ...], parts: Parts) -> list[Mark]:
    """A complete list: what asks for work, and what went while nobody was listening."""
    keys = [_key(item) for item in items if parts.view.put(item)]
    there = {_key(item) for item in items}
    gone = [key for key in parts.view if key.startswith(f"{namespace}/") and key not in there]
    return [*(_changed(key, parts) for key in keys), *(_gone(key, parts) for key in gone)]


def _changed(key: str, parts: Parts) -> Mark:
    """A person waits for it, so a former failure does not hold it back."""
    return Mark("application", key, "changed", ends_backoff=True, group=parts.view.limit_groups(key))


def _gone(key: str, parts: Parts) -> Mark:
    """Nobody can read it any more, so the mark says what it left behind."""
    application, mark = parts.view.get(key), _changed(key, parts)
    parts.view.drop(key)
    return replace(mark, hints=farewell(application) if application else None)


async def _mark(parts: Parts, marks: list[Mark]) -> None:
    """Valkey away: tried until it is back."""
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
