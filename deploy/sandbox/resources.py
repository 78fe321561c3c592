"""Which resources the API has: the built-in table, and what CRDs add to it.

A `Resource` is one version of one kind; all versions of a kind share one place in the store (`key`).
"""

import pathlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import orjson

from deploy.sandbox.schema import ANYTHING, Node, custom

DATA = pathlib.Path(__file__).parent / "data/kubernetes.json"
GENERATION = {
    "apps": {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"},
    "batch": {"Job", "CronJob"},
    "networking.k8s.io": {"Ingress", "NetworkPolicy", "IngressClass"},
    "policy": {"PodDisruptionBudget"},
    "apiextensions.k8s.io": {"CustomResourceDefinition"},
    "": {"ReplicationController", "Pod"},
    "scheduling.k8s.io": {"PriorityClass"},
    "discovery.k8s.io": {"EndpointSlice"},
    "admissionregistration.k8s.io": {
        "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding", "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration",
    },
}  # fmt: skip
"""Built-in kinds whose `metadata.generation` counts changes of the wish."""


@dataclass(frozen=True)
class Resource:
    """One version of one kind: where it is served, what it is called, and its field table."""

    group: str
    version: str
    plural: str
    kind: str
    singular: str
    namespaced: bool
    verbs: tuple[str, ...]
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: dict[str, dict[str, Any]] = field(default_factory=dict)
    node: Node = field(default=ANYTHING, repr=False)
    custom: bool = False
    storage_version: str = ""
    """The version objects are kept in; differs from `version` only for CRDs with several."""

    @cached_property
    def key(self) -> str:
        """The place in the store, the same for all versions."""
        return f"{self.group}/{self.plural}"

    @cached_property
    def qualified(self) -> str:
        """The name errors use: `deployments.apps`, `pods`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @cached_property
    def api_version(self) -> str:
        """`apps/v1`, `v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @cached_property
    def counts_generation(self) -> bool:
        """Whether `metadata.generation` is kept."""
        return self.custom or self.kind in GENERATION.get(self.group, ())

    @cached_property
    def has_status(self) -> bool:
        """Whether `status` is written through a subresource of its own."""
        return "status" in self.subresources


class Catalogue:
    """All resources that are served now, by group, version and plural."""

    def __init__(self) -> None:
        data = orjson.loads(DATA.read_bytes())
        self.types: dict[str, Any] = data["types"]
        self.by_path: dict[tuple[str, str, str], Resource] = {}
        self._stored: dict[str, Resource] | None = None
        nodes = _nodes(self.types)
        for row in data["resources"]:
            resource = _builtin(row, nodes)
            self.by_path[resource.group, resource.version, resource.plural] = resource

    def find(self, group: str, version: str, plural: str) -> Resource | None:
        """The resource at a path, or `None`."""
        return self.by_path.get((group, version, plural))

    def serves(self, group: str, version: str) -> bool:
        """Whether there is any resource of this group and version."""
        return any(path[:2] == (group, version) for path in self.by_path)

    def of_kind(self, api_version: str, kind: str) -> Resource | None:
        """The resource of a manifest's `apiVersion` and `kind`, or `None`."""
        for resource in self.by_path.values():
            if resource.kind == kind and resource.api_version == api_version:
                return resource
        return None

    def at(self, group: str, plural: str) -> Resource:
        """The built-in resource of a group that is stored. Raises KeyError."""
        return self.stored()[f"{group}/{plural}"]

    def stored(self) -> dict[str, Resource]:
        """One resource per place in the store that can be listed: its storage version."""
        if self._stored is None:
            self._stored = {
                resource.key: resource
                for resource in self.by_path.values()
                if "list" in resource.verbs and resource.version == (resource.storage_version or resource.version)
            }
        return self._stored

    def serve(self, crd: dict[str, Any]) -> None:
        """Serve the versions of a CRD in place of those served before."""
        self.withdraw(crd)
        for resource in of_crd(crd, self.types):
            self._stored = None
            self.by_path[resource.group, resource.version, resource.plural] = resource

    def withdraw(self, crd: dict[str, Any]) -> None:
        """No longer serve a CRD."""
        group, plural = crd["spec"]["group"], crd["spec"]["names"]["plural"]
        for path in [path for path in self.by_path if path[0] == group and path[2] == plural]:
            self._stored = None
            del self.by_path[path]


def of_crd(crd: dict[str, Any], types: dict[str, Any]) -> list[Resource]:
    """The resources that a CustomResourceDefinition asks for, its served versions."""
    spec, names = crd["spec"], crd["spec"]["names"]
    storage = next((v["name"] for v in spec["versions"] if v.get("storage")), "")
    return [
        Resource(
            group=spec["group"],
            version=version["name"],
            plural=names["plural"],
            kind=names["kind"],
            singular=names.get("singular") or names["kind"].lower(),
            namespaced=spec["scope"] == "Namespaced",
            verbs=("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"),
            short_names=tuple(names.get("shortNames", ())),
            categories=tuple(names.get("categories", ())),
            subresources=_subresources(version, names["kind"]),
            node=custom(version.get("schema", {}).get("openAPIV3Schema", {}), types),
            custom=True,
            storage_version=storage,
        )
        for version in spec["versions"]
        if version.get("served")
    ]


def _subresources(version: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    declared = version.get("subresources") or {}
    verbs = ["get", "patch", "update"]
    found: dict[str, dict[str, Any]] = {}
    if "status" in declared:
        found["status"] = {"kind": kind, "verbs": verbs}
    if "scale" in declared:
        scale = {"group": "autoscaling", "version": "v1", "kind": "Scale"}
        found["scale"] = {**scale, "verbs": verbs, "paths": declared["scale"]}
    return found


def _nodes(types: dict[str, Any]) -> dict[tuple[str, str, str], Node]:
    nodes = {}
    for schema in types.values():
        for gvk in schema.get("x-kubernetes-group-version-kind", ()):
            nodes[gvk["group"], gvk["version"], gvk["kind"]] = Node(schema, types, builtin=True)
    return nodes


def _builtin(row: dict[str, Any], nodes: dict[tuple[str, str, str], Node]) -> Resource:
    return Resource(
        group=row["group"],
        version=row["version"],
        plural=row["plural"],
        kind=row["kind"],
        singular=row["singular"],
        namespaced=row["namespaced"],
        verbs=tuple(row["verbs"]),
        short_names=tuple(row.get("shortNames", ())),
        categories=tuple(row.get("categories", ())),
        subresources=row.get("subresources", {}),
        node=nodes[row["group"], row["version"], row["kind"]],
    )
