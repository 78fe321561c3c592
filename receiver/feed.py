"""All Applications as a watch shows them, kept for those who follow them: one watch for each namespace, however many.

It begins with the first who follows. Who may see what, and how it is sent: stream.py. A follower that is slow misses
states in between, never the last one: for each Application it is remembered only that it changed.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field

from jobs.store import Event, Listed
from receiver.shown import Item, Key, number_of

BACKLOG = 10_000
"""Changes of a namespace by which a follower that was cut off can go on; each is a number and a name."""
AT_ONCE = 200
"""Applications of a list that are taken in before others get a turn."""

Follow = Callable[[str], AsyncGenerator[Listed | Event, None]]


@dataclass(slots=True)
class Shelf:
    """A namespace as far as it was seen."""

    items: dict[str, Item] = field(default_factory=dict)
    version: int = -1
    """As of which it is; -1: nothing was seen yet."""
    changes: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=BACKLOG))
    """Version and name of each change after `floor`."""
    floor: int = -1
    seen: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, version: int, name: str) -> None:
        """Remember that something changed."""
        if len(self.changes) == BACKLOG:
            self.floor = self.changes[0][0]
        self.changes.append((version, name))
        self.version = max(self.version, version)

    def since(self, version: int) -> list[str] | None:
        """What changed after a version, each once; None: it is too old, or none of ours."""
        if not 0 <= self.floor <= version:
            return None
        return list(dict.fromkeys(name for changed_at, name in self.changes if changed_at > version))


@dataclass(slots=True)
class Follower:
    """Somebody who follows some namespaces."""

    namespaces: tuple[str, ...]
    pending: dict[Key, None] = field(default_factory=dict)
    """What changed since it was last told, in the order of the first change."""
    woken: asyncio.Event = field(default_factory=asyncio.Event)


class Feed:
    """The Applications of the served namespaces."""

    def __init__(self, namespaces: Iterable[str], follow: Follow) -> None:
        """follow: all Applications of a namespace, then every change, for ever."""
        self._follow = follow
        self._shelves = {namespace: Shelf() for namespace in namespaces}
        self._followers: list[Follower] = []
        self._wanted = asyncio.Event()
        self.closing = False

    def __len__(self) -> int:
        """How many follow."""
        return len(self._followers)

    async def keep_following(self) -> None:
        """Watch every namespace, once somebody wants it, until cancelled."""
        await self._wanted.wait()
        async with asyncio.TaskGroup() as group:
            for namespace in self._shelves:
                group.create_task(self._watch(namespace))

    async def ready(self, namespaces: Iterable[str]) -> None:
        """Returns once these were seen; begins to watch if nobody did before."""
        self._wanted.set()
        for namespace in namespaces:
            await self._shelves[namespace].seen.wait()

    def enter(self, namespaces: tuple[str, ...]) -> Follower:
        """Follow these from now on; leave when done."""
        follower = Follower(namespaces)
        self._followers.append(follower)
        return follower

    def leave(self, follower: Follower) -> None:
        """Follow no more."""
        self._followers.remove(follower)

    def close(self) -> None:
        """Tell all that it is over."""
        self.closing = True
        for follower in self._followers:
            follower.woken.set()

    def shelf(self, namespace: str) -> Shelf:
        """A namespace as it is now."""
        return self._shelves[namespace]

    def item(self, key: Key) -> Item | None:
        """One Application as it is now; None: it is gone."""
        namespace, name = key
        return self._shelves[namespace].items.get(name)

    async def _watch(self, namespace: str) -> None:
        async with aclosing(self._follow(namespace)) as events:
            async for event in events:
                if isinstance(event, Listed):
                    await self._listed(namespace, event)
                else:
                    self._changed(namespace, event)

    async def _listed(self, namespace: str, listed: Listed) -> None:
        """A complete list: the first, or one after a gap, when what differs has changed."""
        shelf, found = self._shelves[namespace], dict[str, Item]()
        for index, body in enumerate(listed.items):
            item = Item.of(body)
            found[item.facts.name] = item
            if index % AT_ONCE == 0:
                await asyncio.sleep(0)
        version = number_of(listed.resource_version)
        if shelf.seen.is_set():
            before = {name: item.version for name, item in shelf.items.items()}
            after = {name: item.version for name, item in found.items()}
            changed = [name for name in {**before, **after} if before.get(name) != after.get(name)]
            shelf.items = found
            for name in changed:
                self._note(namespace, version, name)
        else:
            shelf.items, shelf.floor, shelf.version = found, version, version
        shelf.seen.set()

    def _changed(self, namespace: str, event: Event) -> None:
        shelf, item = self._shelves[namespace], Item.of(event.object)
        if event.type == "DELETED":
            shelf.items.pop(item.facts.name, None)
        else:
            shelf.items[item.facts.name] = item
        self._note(namespace, item.version, item.facts.name)

    def _note(self, namespace: str, version: int, name: str) -> None:
        self._shelves[namespace].note(version, name)
        for follower in self._followers:
            if namespace in follower.namespaces:
                follower.pending.setdefault((namespace, name))
                follower.woken.set()
