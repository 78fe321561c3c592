"""Which Applications somebody wants to see, and which of their fields. What was asked for: asked.py."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jobs.core.errors import InvalidSpecError
from jobs.core.repository import Repository
from receiver.asked import Filtered
from receiver.selector import selects

Object = dict[str, Any]
Paths = Sequence[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Facts:
    """What of an Application can be asked for. Anybody may have written it: what has another shape is empty."""

    namespace: str
    name: str
    labels: Mapping[str, str]
    project: str
    repositories: tuple[str, ...]
    """Addresses as written."""
    health: str
    sync: str

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "Facts":
        """The facts of an Application object."""
        metadata, spec, status = (_map(body.get(name)) for name in ("metadata", "spec", "status"))
        sources = spec.get("sources") or [spec.get("source")]
        return cls(
            namespace=str(metadata.get("namespace") or ""),
            name=str(metadata.get("name") or ""),
            labels={str(key): str(value) for key, value in _map(metadata.get("labels")).items()},
            project=str(spec.get("project") or "default"),
            repositories=tuple(_repositories(sources if isinstance(sources, list) else [])),
            health=str(_map(status.get("health")).get("status") or "Unknown"),
            sync=str(_map(status.get("sync")).get("status") or "Unknown"),
        )


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter over Applications."""

    selector: str = ""
    projects: frozenset[str] = frozenset()
    """Empty, as everywhere here: any."""
    repository: str | None = None
    """By its one name, so that every form of an address meets; None: any."""
    health: frozenset[str] = frozenset()
    sync: frozenset[str] = frozenset()
    name: str = ""

    @classmethod
    def of(cls, asked: Filtered, name: str = "") -> "Wanted":
        """What a request asks for. The namespace is not here: it says where is looked."""
        return cls(
            asked.selector.strip(),
            frozenset(asked.projects),
            _one_name(asked.repo) if asked.repo else None,
            frozenset(asked.health),
            frozenset(asked.sync),
            name,
        )

    def meets(self, facts: Facts) -> bool:
        """Whether an Application is wanted."""
        return (
            self.name in ("", facts.name)
            and _any_of(facts.project, self.projects)
            and _any_of(facts.health, self.health)
            and _any_of(facts.sync, self.sync)
            and (self.repository is None or self.repository in map(_one_name, facts.repositories))
            and selects(self.selector, facts.labels)
        )


def picked(body: Mapping[str, Any], paths: Paths) -> Object:
    """The object with these fields alone, in lists in each of their items; no paths: all of it."""
    if not paths or () in paths:
        return dict(body)
    found: Object = {}
    for name in dict.fromkeys(path[0] for path in paths):
        if name in body:
            found[name] = _inside(body[name], [path[1:] for path in paths if path[0] == name])
    return found


def _inside(value: Any, paths: Paths) -> Any:
    if () in paths:
        return value
    if isinstance(value, Mapping):
        return picked(value, paths)
    if isinstance(value, list):
        return [_inside(item, paths) for item in value]
    return None  # what is asked for lies deeper than there is anything


def _any_of(value: str, wanted: frozenset[str]) -> bool:
    return not wanted or value in wanted


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _repositories(sources: Iterable[object]) -> Iterable[str]:
    for source in sources:
        if isinstance(source, Mapping) and isinstance(source.get("repoURL"), str):
            yield source["repoURL"]


@lru_cache(maxsize=10_000)
def _one_name(url: str) -> str:
    try:
        return Repository.of(url).name
    except InvalidSpecError:
        return url
