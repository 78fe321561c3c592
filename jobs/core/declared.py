"""Which fields of an object its kind declares, by the server's OpenAPI v3 document: `Validate=false` drops the rest.

Server-side apply refuses an undeclared field even when it is told to ignore them. How the document is had: declared.py.
https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-v3
"""

from collections.abc import Mapping
from typing import Any

from jobs.core.objects import ObjectId

REFERENCE = "#/components/schemas/"

Schemas = Mapping[str, Mapping[str, Any]]


def schemas_of(document: Mapping[str, Any]) -> Schemas:
    """The schemas of a group version's document, by name."""
    found: Schemas = (document.get("components") or {}).get("schemas") or {}
    return found


def only_declared(body: Mapping[str, Any], target: ObjectId, version: str, schemas: Schemas) -> Mapping[str, Any]:
    """The object without fields that its kind does not declare; unchanged when the kind is not in the document."""
    wanted = {"group": target.group, "version": version, "kind": target.kind}
    for schema in schemas.values():
        if wanted in (schema.get("x-kubernetes-group-version-kind") or ()):
            kept: Mapping[str, Any] = _kept(body, schema, schemas)
            return kept
    return body


def _kept(value: Any, schema: Mapping[str, Any], schemas: Schemas) -> Any:
    schema = _resolved(schema, schemas)
    if isinstance(value, list):
        items = schema.get("items")
        return [_kept(item, items, schemas) for item in value] if isinstance(items, Mapping) else value
    if not isinstance(value, Mapping) or schema.get("x-kubernetes-preserve-unknown-fields"):
        return value
    properties, others = schema.get("properties") or {}, schema.get("additionalProperties")
    if not properties and not others:
        return value  # a free map
    kept = {}
    for key, inner in value.items():
        if key in properties or isinstance(others, Mapping):
            kept[key] = _kept(inner, properties.get(key) or others or {}, schemas)
        elif others:
            kept[key] = inner
    return kept


def _resolved(schema: Mapping[str, Any], schemas: Schemas) -> Mapping[str, Any]:
    """What a reference means; Kubernetes wraps one that has a default or description into an `allOf` of its own."""
    wrapped = schema.get("allOf")
    reference = wrapped[0] if wrapped else schema
    name = str(reference.get("$ref") or "")
    return schemas.get(name.removeprefix(REFERENCE), {}) if name else reference
