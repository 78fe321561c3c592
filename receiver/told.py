"""What a follower is told of Applications: as server-sent events, from what it may know already. Pure.

https://html.spec.whatwg.org/multipage/server-sent-events.html ; the data has the form of Argo CD's stream.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import orjson

from receiver.chosen import Paths, Wanted, picked
from receiver.shown import Item, Key, number_of

RETRY_MS = 2_000
"""When a client that was cut off comes back."""
OPENING = b"retry: %d\n\n" % RETRY_MS
BEAT = b": beat\n\n"


@dataclass(slots=True)
class Told:
    """What one follower wants, and what it knows."""

    wanted: Wanted
    paths: Paths
    known: set[Key] = field(default_factory=set)
    unknown: set[Key] = field(default_factory=set)
    """What it surely does not know; of what it was told on an earlier connection nothing is sure."""
    resumed: set[str] = field(default_factory=set)
    """Namespaces of which it may know anything."""
    position: dict[str, int] = field(default_factory=dict)
    """Up to which version of each namespace it was told."""

    def all_of(self, namespace: str, items: Iterable[Item]) -> Iterator[bytes]:
        """Everything anew: what the client knew of this namespace counts no more."""
        place = orjson.dumps({"namespace": namespace})
        yield b"event: reset\ndata: %b\n\n" % place
        for item in items:
            if self.wanted.meets(item.facts):
                self.known.add((namespace, item.facts.name))
                yield self._said(b"ADDED", item)
        yield b"event: listed\ndata: %b\n\n" % place

    def changes(self, keys: Iterable[Key], item_of: Callable[[Key], Item | None]) -> Iterator[bytes]:
        """How these are now."""
        for key in keys:
            item = item_of(key)
            knows = key in self.known or (key[0] in self.resumed and key not in self.unknown)
            if item is not None and self.wanted.meets(item.facts):
                self.known.add(key)
                self.unknown.discard(key)
                yield self._said(b"MODIFIED" if knows else b"ADDED", item)
            elif knows:
                self.known.discard(key)
                self.unknown.add(key)
                yield _gone(key)

    def _said(self, kind: bytes, item: Item) -> bytes:
        body = orjson.dumps(picked(orjson.loads(item.body), self.paths)) if self.paths else item.body
        return b'data: {"result":{"type":"%b","application":%b}}\n\n' % (kind, body)


def position_id(position: Mapping[str, int]) -> bytes:
    """How far a follower was told, for its Last-Event-ID: `namespace=resourceVersion`, by comma. No data, no event."""
    known = {namespace: version for namespace, version in position.items() if version >= 0}
    return b"id: %b\n\n" % ",".join(f"{name}={version}" for name, version in known.items()).encode()


def position_of(last_event_id: str) -> dict[str, int]:
    """What such an id says; empty: nothing."""
    pairs = (part.partition("=") for part in last_event_id.split(",")[:1_000])
    return {name: number_of(version) for name, _, version in pairs if number_of(version) >= 0}


def ending(why: str) -> bytes:
    """The last words, for people."""
    return b"event: end\ndata: %b\n\n" % orjson.dumps({"detail": why})


def _gone(key: Key) -> bytes:
    namespace, name = key
    application = {"metadata": {"namespace": namespace, "name": name}}
    return b"data: %b\n\n" % orjson.dumps({"result": {"type": "DELETED", "application": application}})
