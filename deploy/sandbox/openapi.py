"""OpenAPI v3: the index and one document per group and version, of schemas only (no paths)."""

import hashlib
from typing import Any

import orjson

from deploy.sandbox.discovery import VERSION
from deploy.sandbox.errors import no_such_path
from deploy.sandbox.resources import Catalogue, Resource

Obj = dict[str, Any]
PREFIX = "#/components/schemas/"


def index(catalogue: Catalogue) -> Obj:
    """`GET /openapi/v3`: path of each group version -> its document, with a hash that changes with it."""
    sources: dict[str, list[Obj]] = {}
    for resource in catalogue.by_path.values():
        sources.setdefault(_path(resource), []).append(_schema(resource))
    return {"paths": {path: {"serverRelativeURL": _url(path, found)} for path, found in sorted(sources.items())}}


def _url(path: str, schemas: list[Obj]) -> str:
    digest = hashlib.sha512(orjson.dumps(schemas)).hexdigest().upper()
    return f"/openapi/v3/{path}?hash={digest}"


def document(catalogue: Catalogue, path: str) -> Obj:
    """`GET /openapi/v3/apis/<group>/<version>`. Raises ApiError (404)."""
    resources = [resource for resource in catalogue.by_path.values() if _path(resource) == path]
    if not resources:
        raise no_such_path()
    schemas: Obj = {}
    for resource in resources:
        name = _name(resource, catalogue.types)
        schemas[name] = _schema(resource)
        _collect(schemas[name], catalogue.types, schemas)
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": VERSION["gitVersion"]},
        "paths": {},
        "components": {"schemas": {name: _linked(schema) for name, schema in schemas.items()}},
    }


def _path(resource: Resource) -> str:
    return f"apis/{resource.group}/{resource.version}" if resource.group else f"api/{resource.version}"


def _name(resource: Resource, types: Obj) -> str:
    if resource.custom:
        return ".".join([*reversed(resource.group.split(".")), resource.version, resource.kind])
    kind = {"group": resource.group, "kind": resource.kind, "version": resource.version}
    return next(name for name, schema in types.items() if kind in schema.get("x-kubernetes-group-version-kind", ()))


def _schema(resource: Resource) -> Obj:
    kinds = [{"group": resource.group, "version": resource.version, "kind": resource.kind}]
    source = {key: value for key, value in resource.node.source.items() if key != "x-kubernetes-embedded-resource"}
    return {**source, "x-kubernetes-group-version-kind": kinds}


def _collect(schema: Any, types: Obj, found: Obj) -> None:
    """Add every type that a schema refers to."""
    if isinstance(schema, list):
        for item in schema:
            _collect(item, types, found)
    elif isinstance(schema, dict):
        name = schema.get("$ref")
        if isinstance(name, str) and name not in found:
            found[name] = types[name]
            _collect(types[name], types, found)
        for value in schema.values():
            _collect(value, types, found)


def _linked(schema: Any) -> Any:
    """The schema with references as OpenAPI writes them."""
    if isinstance(schema, list):
        return [_linked(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    name = schema.get("$ref")
    if not isinstance(name, str):
        return {key: _linked(value) for key, value in schema.items() if key != "x-omitempty"}
    beside = {key: _linked(value) for key, value in schema.items() if key != "$ref"}
    return {"allOf": [{"$ref": PREFIX + name}], **beside} if beside else {"$ref": PREFIX + name}
