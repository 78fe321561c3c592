"""Which fields a kind declares."""

from typing import Any

from jobs.core.declared import only_declared, schemas_of
from jobs.core.objects import ObjectId

TARGET = ObjectId("apps", "Thing", "web", "one")
DOCUMENT: dict[str, Any] = {
    "components": {
        "schemas": {
            "Thing": {
                "properties": {
                    "apiVersion": {"type": "string"},
                    "kind": {"type": "string"},
                    "spec": {"allOf": [{"$ref": "#/components/schemas/Spec"}], "default": {}},
                    "free": {"type": "object"},
                    "raw": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": True,
                        "properties": {"a": {"type": "string"}},
                    },
                },
                "x-kubernetes-group-version-kind": [{"group": "apps", "version": "v1", "kind": "Thing"}],
            },
            "Spec": {
                "properties": {
                    "size": {"type": "integer"},
                    "labels": {"additionalProperties": {"type": "string"}},
                    "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Part"}},
                    "byName": {"additionalProperties": {"$ref": "#/components/schemas/Part"}},
                    "anything": {"type": "object", "additionalProperties": True},
                }
            },
            "Part": {"properties": {"name": {"type": "string"}}},
        }
    }
}


def kept(**body: Any) -> Any:
    return only_declared(body, TARGET, "v1", schemas_of(DOCUMENT))


def test_undeclared_fields_go_at_every_depth() -> None:
    spec = {"size": 1, "sise": 2, "parts": [{"name": "a", "nam": "b"}], "byName": {"x": {"name": "a", "nam": "b"}}}
    assert kept(kind="Thing", kin="x", spec=spec) == {
        "kind": "Thing",
        "spec": {"size": 1, "parts": [{"name": "a"}], "byName": {"x": {"name": "a"}}},
    }


def test_maps_with_free_keys_keep_them() -> None:
    spec = {"labels": {"any": "thing"}, "anything": {"at": {"all": 1}}}
    assert kept(spec=spec, free={"x": 1}, raw={"b": 2}) == {"spec": spec, "free": {"x": 1}, "raw": {"b": 2}}


def test_values_of_another_type_are_left_for_the_server_to_refuse() -> None:
    assert kept(spec="text") == {"spec": "text"}
    wrong = {"parts": {"not": "a list"}, "size": [1]}
    assert kept(spec=wrong) == {"spec": wrong}


def test_a_kind_that_the_document_does_not_have_is_left_as_it_is() -> None:
    body = {"spec": {"sise": 1}}
    assert only_declared(body, TARGET, "v2", schemas_of(DOCUMENT)) == body
    assert only_declared(body, TARGET, "v1", schemas_of({})) == body
