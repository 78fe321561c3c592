"""Watches: which events a change is for one watcher, from where it starts, and how they look on the wire."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import orjson

from deploy.sandbox.errors import ApiError
from deploy.sandbox.reads import Form, Query, shown
from deploy.sandbox.resources import Resource
from deploy.sandbox.state import State
from deploy.sandbox.store import Change, Stored, Subscription
from deploy.sandbox.target import Target

INITIAL_END = "k8s.io/initial-events-end"


@dataclass(frozen=True, slots=True)
class Watch:
    """What a watcher asked for."""

    target: Target
    query: Query
    form: Form
    bookmarks: bool = False
    send_initial: bool = False
    """`sendInitialEvents`: the present state first, then a bookmark that says so."""
    timeout_s: float = 1800.0


async def events(state: State, watch: Watch) -> AsyncIterator[bytes]:
    """The lines of a watch, each one JSON event, until its time is over.

    A start that is forgotten gives one ERROR event (410), as the real one does. A batch may hold several lines.
    """
    key = watch.target.resource.key
    try:
        past, first = _start(state, watch)
    except ApiError as error:
        yield _line("ERROR", orjson.dumps(error.status()))
        return
    subscription = state.store.subscribe(key, past)
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + watch.timeout_s
    try:
        if first:
            yield first
        while True:
            if batch := b"".join(_lines(change, watch) for change in subscription.take()):
                yield batch
            left_s = ends_at - loop.time()
            if left_s <= 0:
                return
            wait_s = min(left_s, state.config.bookmark_s)
            if not await _changed(subscription, wait_s) and watch.bookmarks and wait_s < left_s:
                yield bookmark(watch.target.resource, state.store.revision)
    finally:
        state.store.unsubscribe(key, subscription)


async def _changed(subscription: Subscription, within_s: float) -> bool:
    """Whether a change came within the time."""
    try:
        async with asyncio.timeout(within_s):
            await subscription.wait()
    except TimeoutError:
        return False
    return True


def _start(state: State, watch: Watch) -> tuple[list[Change], bytes]:
    """Past changes to deliver, and lines that go before them. Raises ApiError (410)."""
    asked = watch.query.revision
    if not asked or watch.send_initial:
        return [], b"".join(_present(state, watch))
    return state.store.since(watch.target.resource.key, asked), b""


def _present(state: State, watch: Watch) -> Iterator[bytes]:
    resource = watch.target.resource
    for _, _, stored in state.store.rows(resource.key, watch.target.namespace):
        if watch.query.matches(stored.obj):
            yield _line("ADDED", shown(stored, resource, watch.form))
    if watch.send_initial and watch.bookmarks:
        yield bookmark(resource, state.store.revision, annotations={INITIAL_END: "true"})


def bookmark(resource: Resource, revision: int, annotations: dict[str, str] | None = None) -> bytes:
    """A bookmark event: nothing up to this revision is missing."""
    meta = {"resourceVersion": str(revision), **({"annotations": annotations} if annotations else {})}
    body = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": meta}
    return _line("BOOKMARK", orjson.dumps(body))


def _lines(change: Change, watch: Watch) -> bytes:
    """A change as this watcher sees it: what leaves a selection is DELETED, what enters it ADDED."""
    if watch.target.namespace and change.namespace != watch.target.namespace:
        return b""
    was = change.old is not None and watch.query.matches(change.old.obj)
    is_now = change.type != "DELETED" and watch.query.matches(change.new.obj)
    if not was and not is_now:
        return b""
    kind = "MODIFIED" if was and is_now else "ADDED" if is_now else "DELETED"
    stored = change.new
    if kind == "DELETED" and change.type != "DELETED" and change.old is not None:
        meta = {**change.old.obj["metadata"], "resourceVersion": str(change.revision)}
        stored = Stored({**change.old.obj, "metadata": meta}, change.revision)
    return _line(kind, shown(stored, watch.target.resource, watch.form))


def _line(kind: str, body: bytes) -> bytes:
    return b'{"type":"' + kind.encode() + b'","object":' + body + b"}\n"
