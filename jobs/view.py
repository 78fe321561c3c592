"""What this worker knows of all Applications, kept by the watch in listen.py: look-ups that ask no cluster.

A view may be a moment old. Whoever writes an Application reads it anew first.
"""

import asyncio
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jobs.core.application import Application, application_of
from jobs.core.attention import Wish, was_compared, wish
from jobs.core.errors import InvalidSpecError
from jobs.core.inventory import label_value
from jobs.core.kinds import GroupKind, kinds_of
from jobs.core.objects import ObjectId, metadata_of
from jobs.core.repository import Repository

NONE: frozenset[GroupKind] = frozenset()


@dataclass(frozen=True, slots=True)
class _Known:
    wish: Wish
    application: Application | None
    """None: its spec makes no sense."""
    repositories: frozenset[str]
    kinds: frozenset[GroupKind]
    """Kinds it ever applied."""


@dataclass(frozen=True, slots=True)
class Tracked(Container[str]):
    """`installation/namespace.name` of every Application, without writing them all down for each question."""

    known: Mapping[str, object]
    installation: str

    def __contains__(self, name: object) -> bool:
        """Whether there is such an Application."""
        installation, _, rest = str(name).partition("/")
        # A namespace has no dot (RFC 1123 label), so the first one parts it from the name.
        return installation == self.installation and rest.replace(".", "/", 1) in self.known


class View:
    """All Applications by key, and by the names of their repositories."""

    def __init__(self, namespaces: Iterable[str] = ()) -> None:
        """namespaces: those whose Applications must have been listed before the view says anything of what is not."""
        self._unlisted = set(namespaces)
        self.complete = asyncio.Event()
        """Set once all of them were: until then, that no Application is known does not mean that there is none."""
        self.listed()
        self._known: dict[str, _Known] = {}
        self._by_repository: dict[str, set[str]] = {}
        self._by_label: dict[str, str] = {}
        self.changes = 0
        """How often anything changed: who derives something from the whole view need not do it more often."""

    def listed(self, *namespaces: str) -> None:
        """All Applications of these namespaces have been put in."""
        self._unlisted.difference_update(namespaces)
        if not self._unlisted:
            self.complete.set()

    def __len__(self) -> int:
        """How many Applications there are."""
        return len(self._known)

    def __iter__(self) -> Iterator[str]:
        """The key of every Application, readable or not."""
        return iter(tuple(self._known))

    def put(self, body: Mapping[str, Any]) -> bool:
        """Take in an Application as it is now; whether it asks for work."""
        key, now = _key(body), wish(body)
        before = self._known.get(key)
        self._forget_repositories(key)
        application = _read(body)
        names = _repositories(application)
        self._known[key] = _Known(now, application, names, kinds_of(application.annotations) if application else NONE)
        self._by_label[_label(key)] = key
        self.changes += 1
        for name in names:
            self._by_repository.setdefault(name, set()).add(key)
        return not was_compared(body) if before is None else now.is_new(before.wish)

    def drop(self, key: str) -> None:
        """Forget a deleted Application."""
        self._forget_repositories(key)
        self._known.pop(key, None)
        self._by_label.pop(_label(key), None)
        self.changes += 1

    def get(self, key: str) -> Application | None:
        """One Application; None: there is none, or its spec makes no sense."""
        known = self._known.get(key)
        return known.application if known else None

    def limit_groups(self, key: str) -> str:
        """The limit groups of an Application, separated by a space; empty: nothing is known of it."""
        application = self.get(key)
        return application.limit_groups if application else ""

    def using(self, repository: str) -> list[Application]:
        """The Applications with a source in that repository, by its one name."""
        found = [self._known[key].application for key in sorted(self._by_repository.get(repository, ()))]
        return [application for application in found if application]

    def repositories(self) -> tuple[str, ...]:
        """The one name of every repository that is used."""
        return tuple(sorted(self._by_repository))

    def labelled(self, value: str) -> Application | None:
        """The Application that this value of the ownership label stands for; None: there is none."""
        return self.get(self._by_label.get(value, ""))

    def destinations(self) -> dict[tuple[str, str], Application]:
        """One Application for each pair of destination and project."""
        readable = (known.application for known in self._known.values() if known.application)
        return {(application.destination.key, application.project): application for application in readable}

    def at(self, destinations: Container[str]) -> dict[str, frozenset[GroupKind]]:
        """The Applications at these destinations (keys), with the kinds each ever applied."""
        return {
            key: known.kinds
            for key, known in self._known.items()
            if known.application and known.application.destination.key in destinations
        }

    def kinds(self, key: str) -> frozenset[GroupKind]:
        """The kinds that an Application ever applied."""
        known = self._known.get(key)
        return known.kinds if known else NONE

    def tracked(self, installation: str) -> "Tracked":
        """The Applications by the names that tracking ids give them."""
        return Tracked(self._known, installation)

    def wanted_elsewhere(self, application: Application) -> frozenset[ObjectId]:
        """Objects that other Applications at the same destination say in their status they want."""
        found: set[ObjectId] = set()
        for key, known in self._known.items():
            other = known.application
            if key != application.key and other and other.destination.key == application.destination.key:
                found |= _wanted(other)
        return frozenset(found)

    def _forget_repositories(self, key: str) -> None:
        known = self._known.get(key)
        for name in known.repositories if known else ():
            users = self._by_repository.get(name, set())
            users.discard(key)
            if not users:
                self._by_repository.pop(name, None)


def _label(key: str) -> str:
    return label_value(*key.split("/", 1))


def _key(body: Mapping[str, Any]) -> str:
    metadata = metadata_of(body)
    return f"{metadata.get('namespace')}/{metadata.get('name')}"


def _read(body: Mapping[str, Any]) -> Application | None:
    try:
        return application_of(body)
    except InvalidSpecError:
        return None


def _repositories(application: Application | None) -> frozenset[str]:
    names = set()
    for source in application.sources if application else ():
        try:
            names.add(Repository.of(source.repo_url).name)
        except InvalidSpecError:
            continue  # its own run says so
    return frozenset(names)


def _wanted(application: Application) -> set[ObjectId]:
    entries = application.status.get("resources") or []
    return {
        ObjectId(*(str(entry.get(name) or "") for name in ("group", "kind", "namespace", "name")))
        for entry in entries
        if isinstance(entry, Mapping) and not entry.get("requiresPruning")
    }
