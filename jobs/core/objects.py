"""Kubernetes objects as the core sees them: their identity, without the version, and their wanted form."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, order=True)
class ObjectId:
    """Which object: group and kind, not the version, since one object is served in several versions."""

    group: str
    """API group, empty for the core group."""
    kind: str
    namespace: str
    """Empty for cluster-scoped objects."""
    name: str

    def __str__(self) -> str:
        """`group/Kind namespace/name`, as it is written in messages."""
        kind = f"{self.group}/{self.kind}" if self.group else self.kind
        return f"{kind} {self.namespace}/{self.name}" if self.namespace else f"{kind} {self.name}"

    @property
    def group_kind(self) -> tuple[str, str]:
        """The key of a kind, whatever its version."""
        return self.group, self.kind


@dataclass(frozen=True, slots=True)
class Manifest:
    """One rendered object as Git wants it, before Pilothouse adds its marks."""

    id: ObjectId
    version: str
    """The API version without the group, e.g. `v1`."""
    body: Mapping[str, Any] = field(repr=False)
    """The whole object, `apiVersion` and `kind` included. Not in the repr: it may hold Secret data."""
    origin: str = ""
    """The file it was rendered from, for messages."""

    @property
    def annotations(self) -> Mapping[str, str]:
        """Its annotations; values that are not text are left out."""
        return texts(metadata_of(self.body).get("annotations"))

    @property
    def api_version(self) -> str:
        """As in the object: `v1` or `apps/v1`."""
        return f"{self.id.group}/{self.version}" if self.id.group else self.version


def group_and_version(api_version: str) -> tuple[str, str]:
    """`apps/v1` -> (`apps`, `v1`); `v1` -> (``, `v1`)."""
    group, _, version = api_version.rpartition("/")
    return group, version


def metadata_of(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Its metadata; empty when it has none."""
    found = body.get("metadata")
    return found if isinstance(found, Mapping) else {}


def identity(body: Mapping[str, Any]) -> ObjectId:
    """The id an object gives itself; missing parts are empty."""
    metadata = metadata_of(body)
    group, _ = group_and_version(str(body.get("apiVersion") or ""))
    return ObjectId(
        group, str(body.get("kind") or ""), str(metadata.get("namespace") or ""), str(metadata.get("name") or "")
    )


def manifest_of(body: Mapping[str, Any], origin: str = "") -> Manifest:
    """An object as a manifest under its own identity."""
    _, version = group_and_version(str(body.get("apiVersion") or ""))
    return Manifest(identity(body), version, body, origin)


def texts(mapping: object) -> dict[str, str]:
    """The entries of a label or annotation map whose key and value are text."""
    if not isinstance(mapping, Mapping):
        return {}
    return {key: value for key, value in mapping.items() if isinstance(key, str) and isinstance(value, str)}
