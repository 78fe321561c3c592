"""Field tables for tests: built-in kinds and a small one of our own."""

from functools import cache

from deploy.sandbox.resources import Catalogue, Resource
from deploy.sandbox.schema import Node


@cache
def catalogue() -> Catalogue:
    """The built-in kinds; shared, so only for reading."""
    return Catalogue()


def resource(kind: str, api_version: str = "v1") -> Resource:
    """A built-in kind."""
    found = catalogue().of_kind(api_version, kind)
    assert found is not None, kind
    return found


THING = Node(
    {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "size": {"type": "integer"},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
            "plain": {"type": "array", "items": {"type": "string"}},
            "parts": {
                "type": "array",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["id", "side"],
                "items": {
                    "type": "object",
                    "properties": {
                        "id": {"type": "integer"},
                        "side": {"type": "string", "default": "left"},
                        "note": {"type": "string"},
                    },
                },
            },
            "block": {"type": "object", "x-kubernetes-map-type": "atomic", "properties": {"a": {"type": "string"}}},
            "nested": {"type": "object", "properties": {"on": {"type": "boolean"}, "off": {"type": "boolean"}}},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        },
    },
    {},
    builtin=False,
)
"""One field of each sort."""
