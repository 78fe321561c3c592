"""A pure cluster: it applies and deletes what it is told, objects end as fate has it, and it keeps a log of it all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jobs.core.hooks import HOOK_RUN
from jobs.core.inventory import LABEL, MANAGER
from jobs.core.objects import Manifest, ObjectId
from tests.builders import merged

Json = dict[str, Any]
ENDS: Mapping[str, Json] = {
    "well": {"conditions": [{"type": "Complete", "status": "True"}]},
    "failed": {"conditions": [{"type": "Failed", "status": "True", "message": "exit 1"}]},
}


class Killed(Exception):
    """kill -9."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of an object that was applied."""

    looks: int
    """Claims until it ends."""
    end: str
    """well, failed, or never."""
    goes_after: int
    """Claims from its deletion until it is gone; 99: never."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened in the cluster."""

    what: str
    """applied, deleted or gone."""
    body: Json
    """The object then."""
    well: frozenset[ObjectId]
    """What was there and well when it happened."""
    running: frozenset[str]
    """HOOK_RUN of each hook that was there and had not ended when it happened."""
    hooks: tuple[tuple[str, ObjectId], ...]
    """HOOK_RUN and id of every hook that was there when it happened."""
    going: frozenset[ObjectId]
    """What was there and being deleted when it happened."""

    @property
    def ran_as(self) -> str:
        """Its HOOK_RUN."""
        return _ran_as(self.body)


@dataclass
class World:
    """The cluster."""

    fates: Mapping[tuple[str, int], Fate]
    """By name and version."""
    live: dict[ObjectId, Json] = field(default_factory=dict)
    log: list[Entry] = field(default_factory=list)
    killer: Callable[[], None] = lambda: None
    """Called before and after every write."""
    _ages: dict[str, int] = field(default_factory=dict)
    _count: int = 0

    def fate(self, body: Json) -> Fate:
        """Of an object."""
        return self.fates[body["metadata"]["name"], body["spec"]["version"]]

    def apply(self, manifest: Manifest, ran_as: str = "") -> Json:
        """Server-side apply by the one manager there is."""
        self.killer()
        former = self.live.get(manifest.id)
        self._count += 1
        annotations = {**manifest.annotations} | ({HOOK_RUN: ran_as} if ran_as else {})
        owned = {"f:labels": {f"f:{LABEL}": {}}, "f:annotations": {f"f:{name}": {} for name in annotations}}
        entry = {"manager": MANAGER, "operation": "Apply", "apiVersion": "batch/v1", "fieldsV1": {"f:metadata": owned}}
        uid = former["metadata"]["uid"] if former else f"uid-{self._count}"
        metadata = {"uid": uid, "resourceVersion": str(self._count), "managedFields": [entry]}
        same = former and former["spec"] == manifest.body["spec"]
        body: Json = {
            **manifest.body,
            "metadata": {**manifest.body["metadata"], "annotations": annotations, **metadata},
            "status": former["status"] if former and same else {},
        }
        self._ages[uid] = self._ages[uid] if same else 0
        self.live[manifest.id] = body
        self._write(body)
        self._told("applied", body)
        self.killer()
        return body

    def delete(self, target: ObjectId, uid: str) -> None:
        """Begin to delete an object."""
        self.killer()
        body = self.live.get(target)
        if body and body["metadata"]["uid"] == uid and "deletionTimestamp" not in body["metadata"]:
            self.live[target] = merged(body, {"metadata": {"deletionTimestamp": "2026-11-01T12:00:00Z"}})
            self._ages[f"{uid} going"] = 0
            self._told("deleted", body)
            if self.fate(body).goes_after == 0:
                self._remove(target)
        self.killer()

    def tick(self) -> None:
        """Time passes until the next claim."""
        for target, body in [*self.live.items()]:
            uid = body["metadata"]["uid"]
            self._ages[uid] += 1
            going = f"{uid} going"
            if going in self._ages:
                self._ages[going] += 1
                if self._ages[going] >= self.fate(body).goes_after:
                    self._remove(target)
            else:
                self._write(body)

    def _write(self, body: Json) -> None:
        fate = self.fate(body)
        if fate.end in ENDS and self._ages[body["metadata"]["uid"]] >= fate.looks:
            body["status"] = ENDS[fate.end]

    def _remove(self, target: ObjectId) -> None:
        self._told("gone", self.live.pop(target))

    def _told(self, what: str, body: Json) -> None:
        running = {ran for item in self.live.values() if not item["status"] and (ran := _ran_as(item))}
        well = frozenset(target for target, item in self.live.items() if item["status"] == ENDS["well"])
        hooks = tuple((ran, target) for target, item in self.live.items() if (ran := _ran_as(item)))
        going = frozenset(target for target, item in self.live.items() if "deletionTimestamp" in item["metadata"])
        self.log.append(Entry(what, body, well, frozenset(running), hooks, going))


def _ran_as(body: Json) -> str:
    return str(body["metadata"]["annotations"].get(HOOK_RUN, ""))
