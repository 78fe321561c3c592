"""Discovery: which groups, versions and resources there are, in the old form and aggregated (v2)."""

from dataclasses import dataclass
from typing import Any

from deploy.sandbox.errors import no_such_page
from deploy.sandbox.resources import Catalogue, Resource

Obj = dict[str, Any]
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
VERSION: Obj = {
    "major": "1",
    "minor": "36",
    "gitVersion": "v1.36.3",
    "gitCommit": "sandbox",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "none",
    "compiler": "none",
    "emulationMajor": "1",
    "emulationMinor": "36",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35",
    "platform": "linux/amd64",
}


def versions() -> Obj:
    """`GET /api`."""
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}


def groups(catalogue: Catalogue) -> Obj:
    """`GET /apis`."""
    found = [group(catalogue, name) for name in _grouped(catalogue) if name]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_plain(item) for item in found]}


def _plain(found: Obj) -> Obj:
    return {key: value for key, value in found.items() if key not in ("kind", "apiVersion")}


def group(catalogue: Catalogue, name: str) -> Obj:
    """`GET /apis/<group>`. Raises ApiError (404)."""
    by_version = _grouped(catalogue).get(name)
    if not name or by_version is None:
        raise no_such_page()
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in by_version]
    return {"kind": "APIGroup", "apiVersion": "v1", "name": name, "versions": listed, "preferredVersion": listed[0]}


def resources(catalogue: Catalogue, name: str, version: str) -> Obj:
    """`GET /api/v1` and `GET /apis/<group>/<version>`. Raises ApiError (404)."""
    found = _grouped(catalogue).get(name, {}).get(version)
    if found is None:
        raise no_such_page()
    rows = [row for resource in found for row in _rows(resource)]
    api_version = f"{name}/{version}" if name else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version, "resources": rows}


def _rows(resource: Resource) -> list[Obj]:
    row: Obj = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        row["shortNames"] = list(resource.short_names)
    if resource.categories:
        row["categories"] = list(resource.categories)
    below = [
        {"name": f"{resource.plural}/{name}", "singularName": "", "namespaced": resource.namespaced}
        | {key: sub[key] for key in ("group", "version", "kind", "verbs") if key in sub}
        for name, sub in sorted(resource.subresources.items())
    ]
    return [row, *below]


def aggregated(catalogue: Catalogue, *, core: bool) -> Obj:
    """`GET /api` or `/apis` as APIGroupDiscoveryList."""
    items = [
        {
            "metadata": {"name": name} if name else {},
            "versions": [
                {"version": version, "resources": [_aggregated(r) for r in found], "freshness": "Current"}
                for version, found in by_version.items()
            ],
        }
        for name, by_version in _grouped(catalogue).items()
        if (name == "") is core
    ]
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}


@dataclass(frozen=True, slots=True)
class _Unsaid:
    group: str = ""
    version: str = ""


def _aggregated(resource: Resource) -> Obj:
    # Built-in kinds leave out what stands above them, CRDs don't.
    own = resource if resource.custom else _Unsaid()
    row: Obj = {
        "resource": resource.plural,
        "responseKind": {"group": own.group, "version": own.version, "kind": resource.kind},
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        row["shortNames"] = list(resource.short_names)
    if resource.categories:
        row["categories"] = list(resource.categories)
    if resource.subresources:
        row["subresources"] = [
            {
                "subresource": name,
                "responseKind": {
                    "group": sub.get("group", own.group),
                    "version": sub.get("version", own.version),
                    "kind": sub["kind"],
                },
                "verbs": sub["verbs"],
            }
            for name, sub in sorted(resource.subresources.items())
        ]
    return row


def _grouped(catalogue: Catalogue) -> dict[str, dict[str, list[Resource]]]:
    """Group -> version -> resources; within a group the most stable version first."""
    found: dict[str, dict[str, list[Resource]]] = {}
    for resource in sorted(catalogue.by_path.values(), key=lambda r: (_instability(r.version), r.version)):
        found.setdefault(resource.group, {}).setdefault(resource.version, []).append(resource)
    return found


def _instability(version: str) -> int:
    return 2 if "alpha" in version else 1 if "beta" in version else 0
