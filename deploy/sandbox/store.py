"""All objects, one revision counter, a bounded history of changes, and who listens to them.

Objects in the store are never changed in place: a write puts a new one. Everything runs on one event loop, so a write
without an await inside is atomic.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from deploy.sandbox.errors import expired

Obj = dict[str, Any]
Rows = dict[str, dict[str, "Stored"]]


class Stored:
    """One object as of one revision; `raw` is its JSON, made once."""

    __slots__ = ("_raw", "obj", "revision")

    def __init__(self, obj: Obj, revision: int) -> None:
        self.obj = obj
        self.revision = revision
        self._raw: bytes | None = None

    @property
    def raw(self) -> bytes:
        """The object as JSON, `apiVersion` and `kind` first."""
        if self._raw is None:
            self._raw = orjson.dumps({"apiVersion": self.obj["apiVersion"], "kind": self.obj["kind"], **self.obj})
        return self._raw

    @property
    def uid(self) -> str:
        """The object's uid."""
        uid: str = self.obj["metadata"]["uid"]
        return uid


@dataclass(frozen=True, slots=True)
class Change:
    """One write: `old` is `None` for a new object; for a removal `new` is the object's last state, newly numbered."""

    revision: int
    type: Literal["ADDED", "MODIFIED", "DELETED"]
    key: str
    namespace: str
    name: str
    old: Stored | None
    new: Stored


class Subscription:
    """The changes of one resource from some revision on, in order, for one reader."""

    def __init__(self, past: list[Change]) -> None:
        self._changes = deque(past)
        self._more = asyncio.Event()

    def push(self, change: Change) -> None:
        """Add a change and wake the reader."""
        self._changes.append(change)
        self._more.set()

    def take(self) -> list[Change]:
        """All changes that are there, without waiting."""
        taken = list(self._changes)
        self._changes.clear()
        self._more.clear()
        return taken

    async def wait(self) -> None:
        """Until there is a change."""
        if not self._changes:
            await self._more.wait()


class Store:
    """Objects by resource key (`apps/deployments`), namespace (empty: cluster-wide) and name."""

    def __init__(self, window: int) -> None:
        self.revision = 1
        self._rows: dict[str, Rows] = {}
        self._history: deque[Change] = deque()
        self._window = window
        self._oldest = self.revision
        self._subscriptions: dict[str, set[Subscription]] = {}
        self.listeners: list[Callable[[Change], None]] = []
        self.by_uid: dict[str, tuple[str, str, str]] = {}
        self._dependants: dict[str, set[str]] = {}

    def get(self, key: str, namespace: str, name: str) -> Stored | None:
        """The object, or `None`."""
        return self._rows.get(key, {}).get(namespace, {}).get(name)

    def of_uid(self, uid: str) -> Stored | None:
        """The object with this uid, or `None`."""
        place = self.by_uid.get(uid)
        return self.get(*place) if place else None

    def dependants(self, uid: str) -> list[tuple[str, Stored]]:
        """(resource key, object) of all whose ownerReferences name this uid."""
        found = []
        for below in sorted(self._dependants.get(uid, ())):
            stored = self.of_uid(below)
            if stored is not None:
                found.append((self.by_uid[below][0], stored))
        return found

    def _note_owners(self, old: Stored | None, new: Stored | None) -> None:
        for stored, note in ((old, set.discard), (new, set.add)):
            for owner in stored.obj["metadata"].get("ownerReferences") or () if stored else ():
                note(self._dependants.setdefault(owner["uid"], set()), stored.uid if stored else "")
                if not self._dependants[owner["uid"]]:
                    del self._dependants[owner["uid"]]

    def rows(self, key: str, namespace: str = "") -> Iterator[tuple[str, str, Stored]]:
        """(namespace, name, object) in the API's order; with a namespace only what is in it."""
        rows = self._rows.get(key, {})
        for space in [namespace] if namespace else sorted(rows):
            for name, stored in sorted(rows.get(space, {}).items()):
                yield space, name, stored

    def put(self, key: str, obj: Obj) -> Stored:
        """Store an object under the next revision, which is written into it."""
        metadata = obj["metadata"]
        namespace, name = metadata.get("namespace", ""), metadata["name"]
        self.revision += 1
        metadata["resourceVersion"] = str(self.revision)
        stored = Stored(obj, self.revision)
        rows = self._rows.setdefault(key, {}).setdefault(namespace, {})
        old = rows.get(name)
        rows[name] = stored
        self.by_uid[metadata["uid"]] = (key, namespace, name)
        self._note_owners(old, stored)
        self._tell(Change(self.revision, "MODIFIED" if old else "ADDED", key, namespace, name, old, stored))
        return stored

    def remove(self, key: str, namespace: str, name: str, last: Obj | None = None) -> Stored:
        """Take an object out; `last` is its last state if that differs. Returns it under its own revision."""
        rows = self._rows[key][namespace]
        old = rows.pop(name)
        if not rows:
            del self._rows[key][namespace]
        self.by_uid.pop(old.uid, None)
        self._note_owners(old, None)
        self.revision += 1
        obj = last or old.obj
        gone = Stored({**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self.revision)}}, self.revision)
        self._tell(Change(self.revision, "DELETED", key, namespace, name, old, gone))
        return gone

    def _tell(self, change: Change) -> None:
        self._history.append(change)
        while len(self._history) > self._window:
            self._oldest = self._history.popleft().revision
        for subscription in self._subscriptions.get(change.key, ()):
            subscription.push(change)
        for listener in self.listeners:
            listener(change)

    def forget_history(self) -> None:
        """Drop all past changes, as the real one does after some minutes: older revisions are then expired."""
        self._history.clear()
        self._oldest = self.revision

    def since(self, key: str, revision: int) -> list[Change]:
        """The changes of a resource after a revision. Raises ApiError (410) when they are forgotten."""
        if revision < self._oldest or revision > self.revision:
            raise expired(f"too old resource version: {revision} ({self._oldest})")
        found = []
        for change in reversed(self._history):
            if change.revision <= revision:
                break
            if change.key == key:
                found.append(change)
        return found[::-1]

    def rows_at(self, key: str, revision: int, namespace: str) -> list[tuple[str, str, Stored]]:
        """The rows as they were at a past revision. Raises ApiError (410) when it is forgotten."""
        changes = self.since(key, revision)
        rows = {(space, name): stored for space, name, stored in self.rows(key, namespace)}
        for change in reversed(changes):
            place = (change.namespace, change.name)
            if change.old is not None:
                rows[place] = change.old
            else:
                rows.pop(place, None)
        return [(*place, rows[place]) for place in sorted(rows) if not namespace or place[0] == namespace]

    def subscribe(self, key: str, past: list[Change]) -> Subscription:
        """Hear of every change of a resource from now on, after the given past ones."""
        subscription = Subscription(past)
        self._subscriptions.setdefault(key, set()).add(subscription)
        return subscription

    def listening(self, key: str) -> int:
        """How many readers hear of a resource."""
        return len(self._subscriptions.get(key, ()))

    def unsubscribe(self, key: str, subscription: Subscription) -> None:
        """Hear of nothing any more."""
        self._subscriptions.get(key, set()).discard(subscription)
