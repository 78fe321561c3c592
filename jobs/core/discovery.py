"""What an API server serves: kinds, versions and paths, from its discovery documents. Asking for them is kube's."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from jobs.core.errors import Refused

CORE = ""
"""Name of the group of `v1`."""


@dataclass(frozen=True, slots=True)
class ApiResource:
    """One kind, and where it is served."""

    group: str
    """Empty for the core group."""
    kind: str
    version: str
    """The version to speak: the server's preferred one, unless another was asked for."""
    versions: tuple[str, ...]
    """All versions that serve the kind, preferred first."""
    plural: str
    """Its name in paths, e.g. `deployments`."""
    namespaced: bool
    verbs: frozenset[str]

    @property
    def api_version(self) -> str:
        """`v1` or `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def group_kind(self) -> tuple[str, str]:
        """The key of the kind, whatever its version."""
        return self.group, self.kind

    def at(self, version: str) -> "ApiResource":
        """The same kind in another version."""
        return replace(self, version=version)

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """The path of one object, of the objects of a namespace, or of all (both None).

        Raises Refused for a name that is no single path segment: an empty one would address, and a DELETE would
        delete, the whole collection; `..` another object.
        """
        start = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        if namespace and self.namespaced:
            start += f"/namespaces/{_segment(namespace, 'namespace')}"
        elif name is not None and self.namespaced:
            raise Refused(f"{self.kind} {name}: has no namespace, though its kind needs one")
        return f"{start}/{self.plural}" + ("" if name is None else f"/{_segment(name, 'name')}")


@dataclass(frozen=True, slots=True)
class Discovery:
    """All an API server serves at one moment."""

    resources: Mapping[tuple[str, str], ApiResource]
    """(group, kind) -> where it is served, in the preferred version."""
    api_versions: tuple[str, ...]
    """As Helm's `.Capabilities.APIVersions` has them: `apps/v1` and `apps/v1/Deployment`, sorted."""
    stale: tuple[str, ...] = ()
    """Group versions whose own server does not answer, e.g. `metrics.k8s.io/v1beta1`: what they serve is unknown."""

    @property
    def complete(self) -> bool:
        """Whether everything served is known; if not, nothing may be pruned."""
        return not self.stale

    @property
    def in_namespaces(self) -> tuple[ApiResource, ...]:
        """Every namespaced kind that can be listed."""
        return tuple(item for item in self.resources.values() if item.namespaced and "list" in item.verbs)

    def find(self, group: str, kind: str, version: str | None = None) -> ApiResource | None:
        """Where a kind is served, in the given version or the preferred one; None: it isn't."""
        found = self.resources.get((group, kind))
        if found is None or version is None:
            return found
        return found.at(version) if version in found.versions else None

    def may_hide(self, group: str) -> bool:
        """Whether a kind of this group may exist although it isn't listed."""
        return any(name.rpartition("/")[0] == group for name in self.stale)


@dataclass(frozen=True, slots=True)
class GroupVersion:
    """One version of one group with its resources, as both forms of discovery give it."""

    group: str
    version: str
    resources: tuple[ApiResource, ...] = ()
    kinds: frozenset[str] = frozenset()
    """All kinds it serves, those of subresources included: Helm counts them."""
    stale: bool = False

    @property
    def name(self) -> str:
        """`v1` or `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version


def is_aggregated(document: Any) -> bool:
    """Whether a server answered with aggregated discovery (from 1.26 on) when asked for it."""
    return isinstance(document, Mapping) and document.get("kind") == "APIGroupDiscoveryList"


def aggregated(*documents: Mapping[str, Any]) -> Discovery:
    """From the `APIGroupDiscoveryList` of `/api` and of `/apis`.

    https://kubernetes.io/docs/reference/using-api/api-concepts/#aggregated-discovery
    """
    return combined(
        _group_version(str((group.get("metadata") or {}).get("name") or CORE), version)
        for document in documents
        for group in document.get("items") or ()
        for version in group.get("versions") or ()
    )


def group_versions_of(core: Mapping[str, Any], groups: Mapping[str, Any]) -> list[GroupVersion]:
    """Group versions without resources, preferred first in each group, from `APIVersions` and `APIGroupList`."""
    found = [GroupVersion(CORE, str(version)) for version in core.get("versions") or ()]
    for group in groups.get("groups") or ():
        preferred = str((group.get("preferredVersion") or {}).get("version") or "")
        versions = [str(entry.get("version")) for entry in group.get("versions") or ()]
        ordered = sorted(versions, key=lambda version: version != preferred)
        found += [GroupVersion(str(group.get("name")), version) for version in ordered]
    return found


def with_resources(where: GroupVersion, document: Mapping[str, Any] | None) -> GroupVersion:
    """A group version with the resources of its `APIResourceList`; None: its server does not answer."""
    if document is None:
        return replace(where, stale=True)
    entries = [entry for entry in document.get("resources") or () if entry.get("kind")]
    return replace(
        where,
        resources=tuple(
            _resource(where, entry, plural=str(entry["name"]), namespaced=bool(entry.get("namespaced")))
            for entry in entries
            if "/" not in str(entry.get("name"))
        ),
        kinds=frozenset(str(entry["kind"]) for entry in entries),
    )


def combined(group_versions: Iterable[GroupVersion]) -> Discovery:
    """All group versions as one Discovery; of a group, the first version that serves a kind is its preferred one."""
    resources: dict[tuple[str, str], ApiResource] = {}
    api_versions: set[str] = set()
    stale: list[str] = []
    for where in group_versions:
        api_versions |= {where.name, *(f"{where.name}/{kind}" for kind in where.kinds)}
        if where.stale:
            stale.append(where.name)
        for resource in where.resources:
            known = resources.get(resource.group_kind)
            if known is None:
                resources[resource.group_kind] = resource
            elif resource.version not in known.versions:
                resources[resource.group_kind] = replace(known, versions=(*known.versions, resource.version))
    return Discovery(resources, tuple(sorted(api_versions)), tuple(stale))


def _group_version(group: str, entry: Mapping[str, Any]) -> GroupVersion:
    where = GroupVersion(group, str(entry.get("version")), stale=entry.get("freshness") == "Stale")
    listed = entry.get("resources") or ()
    served = [_with_kind(resource) for resource in listed if (resource.get("responseKind") or {}).get("kind")]
    kinds = {
        str((part.get("responseKind") or {}).get("kind") or "")
        for resource in listed
        for part in (resource, *(resource.get("subresources") or ()))
    }
    return replace(
        where,
        resources=tuple(
            _resource(where, one, plural=str(one.get("resource")), namespaced=one.get("scope") == "Namespaced")
            for one in served
        ),
        kinds=frozenset(kinds - {""}),
    )


def _with_kind(resource: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**resource, "kind": resource["responseKind"]["kind"]}


def _resource(where: GroupVersion, entry: Mapping[str, Any], *, plural: str, namespaced: bool) -> ApiResource:
    # The group is the one it is listed under: that is the one objects and paths name.
    return ApiResource(
        group=where.group,
        kind=str(entry["kind"]),
        version=where.version,
        versions=(where.version,),
        plural=plural,
        namespaced=namespaced,
        verbs=frozenset(str(verb) for verb in entry.get("verbs") or ()),
    )


def _segment(text: str, what: str) -> str:
    """A name as a path segment (https://kubernetes.io/docs/concepts/overview/working-with-objects/names/)."""
    if text in ("", ".", "..") or "/" in text or "%" in text or not text.isprintable():
        raise Refused(f"{what} {text!r} is not allowed: it can't be part of a path")
    return quote(text, safe="")
