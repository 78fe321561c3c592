"""The types of an Application and the CRD that the chart brings know the same fields."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from receiver.written import WrittenApplication

CRD = Path(__file__).parents[2] / "deploy" / "chart" / "crds" / "applications.yaml"
SCHEMAS = msgspec.json.schema_components([WrittenApplication])[1]
JSON = {"string", "boolean", "integer"}


def of_the_crd() -> dict[str, str]:
    """Path -> type of every field of the spec."""
    version = yaml.safe_load(CRD.read_text())["spec"]["versions"][0]
    return dict(_walked("spec", version["schema"]["openAPIV3Schema"]["properties"]["spec"]))


def _walked(path: str, schema: dict[str, Any]) -> Any:
    kind = schema.get("type", "integer or string")
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        kind = "anything"
    elif "additionalProperties" in schema:
        kind = f"map of {schema['additionalProperties']['type']}"
    yield path, kind
    for name, inner in schema.get("properties", {}).items():
        yield from _walked(f"{path}.{name}", inner)
    if "items" in schema:
        yield from _walked(f"{path}[]", schema["items"])


def of_the_types() -> dict[str, str]:
    """The same, from the types."""
    return dict(_described("spec", {"$ref": "#/$defs/Spec"}))


def _described(path: str, schema: dict[str, Any]) -> Any:
    options = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
    if len(options) > 1:
        yield path, "integer or string"
        return
    (one,) = options
    one = SCHEMAS[one["$ref"].rpartition("/")[2]] if "$ref" in one else one
    more = one.get("additionalProperties")
    kind = f"map of {more['type']}" if isinstance(more, dict) and more else one["type"]
    yield path, "anything" if kind == "object" and "properties" not in one else kind
    for name, inner in one.get("properties", {}).items():
        yield from _described(f"{path}.{name}", inner)
    if "items" in one:
        yield from _described(f"{path}[]", one["items"])


def test_every_field_of_the_crd_can_be_written_and_no_other() -> None:
    assert of_the_types() == of_the_crd()


@pytest.mark.parametrize("name", ["Spec", "Source", "Destination", "SyncPolicy", "Helm"])
def test_unknown_fields_are_refused(name: str) -> None:
    assert SCHEMAS[name]["additionalProperties"] is False
