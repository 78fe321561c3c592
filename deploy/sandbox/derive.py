"""Derives the table of built-in kinds: `python -m deploy.sandbox.derive <kubernetes> v1.36.3 <k8s.io modules>`.

Reads `api/openapi-spec/v3` and `api/discovery` of https://github.com/kubernetes/kubernetes (Apache-2.0), and in the
modules `k8s.io/*@v0.36.3` which scalars and lists Go leaves out when empty. Writes `data/kubernetes.json`: discovery
and field tables without the prose, one type per line. Run by hand when the pinned version moves; the sandbox itself
only reads the result.
"""

import json
import pathlib
import re
import sys
from typing import Any

TARGET = pathlib.Path(__file__).parent / "data/kubernetes.json"
REF = "#/components/schemas/"
GROUPS = {
    "": ("v1",),
    "admissionregistration.k8s.io": ("v1",),
    "apiextensions.k8s.io": ("v1",),
    "apiregistration.k8s.io": ("v1",),
    "apps": ("v1",),
    "authentication.k8s.io": ("v1",),
    "authorization.k8s.io": ("v1",),
    "autoscaling": ("v2",),
    "batch": ("v1",),
    "coordination.k8s.io": ("v1",),
    "discovery.k8s.io": ("v1",),
    "networking.k8s.io": ("v1",),
    "policy": ("v1",),
    "rbac.authorization.k8s.io": ("v1",),
    "scheduling.k8s.io": ("v1",),
    "storage.k8s.io": ("v1",),
}
SUBRESOURCES = {"status", "scale", "token", "finalize"}
"""The subresources that the sandbox serves; the others need a node or a proxy."""
LEFT_OUT = {"ComponentStatus", "Binding", "SelfSubjectRulesReview", "SelfSubjectReview"}

Json = dict[str, Any]


MODULES = {
    "io.k8s.api.": "api",
    "io.k8s.apimachinery.": "apimachinery",
    "io.k8s.apiextensions-apiserver.": "apiextensions-apiserver",
    "io.k8s.kube-aggregator.": "kube-aggregator",
}
"""OpenAPI type prefix -> Go module under k8s.io; what follows is the package, then the type."""
STRUCT = re.compile(r"^type (\w+) struct \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
OMITTED = re.compile(r"^\t\w+ +(?:\[\])?\w[\w.]* +`json:\"(\w+),omitempty", re.MULTILINE)
OMITTABLE = ("string", "integer", "number", "boolean", "array")


def main(checkout: str, release: str, modules: str) -> None:
    """Write the table.

    `checkout`: folder of Kubernetes (`api/` is enough); `release`: its version; `modules`: the folder that holds
    `api@v0.36.3` and its sisters, as `go mod download` leaves them.
    """
    api = pathlib.Path(checkout) / "api"
    schemas: Json = {}
    resources: list[Json] = []
    for group, versions in GROUPS.items():
        for version in versions:
            stem = f"apis__{group}__{version}" if group else f"api__{version}"
            spec = json.loads((api / f"openapi-spec/v3/{stem}_openapi.json").read_text())
            schemas |= spec["components"]["schemas"]
            listing = json.loads((api / f"discovery/{stem}.json").read_text())
            resources += _resources(group, version, listing["resources"])
    slim = {name: _slim(schema) for name, schema in schemas.items()}
    slim = _reachable(slim, resources)
    for name, schema in slim.items():
        _mark_omitted(name, schema, pathlib.Path(modules), release.replace("v1.", "v0.", 1))
    _write(slim, resources, release)


def _mark_omitted(name: str, schema: Json, modules: pathlib.Path, release: str) -> None:
    """Note at each scalar and list that Go doesn't write when it is empty (`omitempty` and no pointer)."""
    prefix = next(prefix for prefix in MODULES if name.startswith(prefix))
    *package, kind = name.removeprefix(prefix).split(".")
    folder = modules / f"{MODULES[prefix]}@{release}" / "/".join(package)
    structs = {m[1]: m[2] for path in sorted(folder.glob("*types*.go")) for m in STRUCT.finditer(path.read_text())}
    for field in OMITTED.findall(structs.get(kind, "")):
        source = schema.get("properties", {}).get(field, {})
        if source.get("type") in OMITTABLE:
            source["x-omitempty"] = True
            if not source.get("default"):
                source.pop("default", None)


def _reachable(schemas: Json, resources: list[Json]) -> Json:
    """Only the types that a served kind is made of: no lists, no options."""
    served = {(r["group"], r["version"], r["kind"]) for r in resources}
    served |= {
        (s["group"], s["version"], s["kind"])
        for r in resources
        for s in r.get("subresources", {}).values()
        if "group" in s
    }

    def is_served(schema: Json) -> bool:
        kinds = schema.get("x-kubernetes-group-version-kind", [])
        return len(kinds) == 1 and (kinds[0]["group"], kinds[0]["version"], kinds[0]["kind"]) in served

    todo = [name for name, schema in schemas.items() if is_served(schema)]
    found: set[str] = set()
    while todo:
        if (name := todo.pop()) not in found:
            found.add(name)
            todo += re.findall(r'"\$ref": "([^"]+)"', json.dumps(schemas[name]))
    return {name: schemas[name] for name in found}


def _resources(group: str, version: str, listing: list[Json]) -> list[Json]:
    tops = [r for r in listing if "/" not in r["name"] and r["kind"] not in LEFT_OUT]
    rows = []
    for top in tops:
        subs = {
            r["name"].split("/")[1]: {key: r[key] for key in ("group", "version", "kind", "verbs") if key in r}
            for r in listing
            if r["name"].startswith(top["name"] + "/") and r["name"].split("/")[1] in SUBRESOURCES
        }
        row = {
            "group": group,
            "version": version,
            "plural": top["name"],
            "kind": top["kind"],
            "singular": top["singularName"],
            "namespaced": top["namespaced"],
            "verbs": top["verbs"],
        }
        row |= {key: top[key] for key in ("shortNames", "categories") if key in top}
        rows.append(row | ({"subresources": subs} if subs else {}))
    return rows


def _slim(schema: Any) -> Any:
    """The schema without prose, `allOf` of one reference flattened, defaults of absent scalars dropped."""
    if isinstance(schema, list):
        return [_slim(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    slim: Json = {}
    for key, value in schema.items():
        if key == "description" and isinstance(value, str):
            continue
        if key == "allOf" and len(value) == 1 and "$ref" in value[0]:
            slim["$ref"] = value[0]["$ref"].removeprefix(REF)
        elif key == "$ref":
            slim["$ref"] = value.removeprefix(REF)
        elif key == "properties":
            slim[key] = {name: _slim(item) for name, item in value.items()}
        else:
            slim[key] = _slim(value)
    return slim


def _write(schemas: Json, resources: list[Json], release: str) -> None:
    def lines(items: list[str]) -> str:
        return ",\n".join(items)

    def compact(value: Json) -> str:
        return json.dumps(value, separators=(",", ":"), sort_keys=True)

    rows = [compact(row) for row in resources]
    types = [f"{json.dumps(name)}:{compact(schemas[name])}" for name in sorted(schemas)]
    source = json.dumps(f"Derived from kubernetes/kubernetes {release} api/ (Apache-2.0); see deploy/sandbox/derive.py")
    TARGET.write_text(
        f'{{"source":{source},\n"resources":[\n{lines(rows)}\n],\n"types":{{\n{lines(types)}\n}}}}\n', encoding="utf-8"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
