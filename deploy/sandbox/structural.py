"""Validation of custom resources by their CRD's schema: types, required fields, enums, bounds, patterns. Pure.

https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation
"""

import re
from typing import Any

from deploy.sandbox.errors import Problem, invalid_value, required, unsupported
from deploy.sandbox.schema import ANYTHING, Node
from deploy.sandbox.typed import TypedError, element

TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}
NAMES = {dict: "object", list: "array", str: "string", int: "integer", float: "number", bool: "boolean"}


def problems(value: Any, node: Node, field: str = "") -> list[Problem]:
    """What is wrong with a value at the dotted path `field`."""
    if value is None:
        return _null(node, field)
    if node.builtin:
        return []  # metadata has its own rules
    if wrong := _type(value, node, field):
        return wrong
    found = _scalar(value, node, field)
    if isinstance(value, dict) and node.type == "object":
        found += _map(value, node, field)
    elif isinstance(value, list) and node.type == "array":
        found += _list(value, node, field)
    return found


def _null(node: Node, field: str) -> list[Problem]:
    if node.nullable or node.type == "any" or node.builtin:
        return []
    text = f'Invalid value: "null": {field} in body must be of type {node.type}: "null"'
    return [Problem("FieldValueTypeInvalid", field, text)]


def _type(value: Any, node: Node, field: str) -> list[Problem]:
    allowed = TYPES.get(node.type)
    if node.type == "int-or-string":
        allowed = (int, str)
    if allowed is None or (isinstance(value, allowed) and not (isinstance(value, bool) and bool not in allowed)):
        return []
    if isinstance(value, float) and value.is_integer() and int in allowed:
        return []
    found = NAMES.get(type(value), "null")
    text = f'Invalid value: "{found}": {field} in body must be of type {node.type}: "{found}"'
    return [Problem("FieldValueTypeInvalid", field, text)]


def _map(value: dict[str, Any], node: Node, field: str) -> list[Problem]:
    found = [required(_join(field, name)) for name in sorted(node.required) if name not in value]
    for name, below in value.items():
        child = node.children[name]
        if child is not None and (field or name not in ("apiVersion", "kind", "metadata")):
            if below is None and name in node.named and name not in node.required:
                found += _null(child, _join(field, name))
                continue
            found += problems(below, child, _join(field, name))
    if (least := node.source.get("minProperties")) is not None and len(value) < least:
        found.append(invalid_value(field, len(value), f"{field} in body should have at least {least} properties"))
    return found


def _list(value: list[Any], node: Node, field: str) -> list[Problem]:
    found: list[Problem] = []
    source = node.source
    if (most := source.get("maxItems")) is not None and len(value) > most:
        found.append(Problem("FieldValueTooMany", field, f"Too many: {len(value)}: must have at most {most} items"))
    if (least := source.get("minItems")) is not None and len(value) < least:
        found.append(invalid_value(field, len(value), f"{field} in body should have at least {least} items"))
    if node.shape == "list":
        found += _doubled(value, node, field)
    for index, item in enumerate(value):
        found += problems(item, node.values or ANYTHING, f"{field}[{index}]")
    return found


def _doubled(value: list[Any], node: Node, field: str) -> list[Problem]:
    """Items of a set or keyed list that are there twice."""
    found, seen = [], set()
    for index, item in enumerate(value):
        try:
            key = element(item, node)
        except TypedError:
            continue  # a missing key is told as a missing field
        if key in seen:
            found.append(Problem("FieldValueDuplicate", f"{field}[{index}]", f"Duplicate value: {key[2:]}"))
        seen.add(key)
    return found


def _scalar(value: Any, node: Node, field: str) -> list[Problem]:
    source, found = node.source, []
    if "enum" in source and value not in source["enum"]:
        found.append(unsupported(field, value, tuple(str(item) for item in source["enum"])))
    if isinstance(value, str):
        found += _text(value, source, field)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        found += _number(value, source, field)
    return found


def _text(value: str, source: dict[str, Any], field: str) -> list[Problem]:
    found = []
    if "pattern" in source and not re.search(source["pattern"], value):
        found.append(invalid_value(field, value, f"{field} in body should match '{source['pattern']}'"))
    if (least := source.get("minLength")) is not None and len(value) < least:
        found.append(invalid_value(field, value, f"{field} in body should be at least {least} chars long"))
    if (most := source.get("maxLength")) is not None and len(value) > most:
        found.append(Problem("FieldValueTooLong", field, f"Too long: may not be more than {most} bytes"))
    return found


def _number(value: float, source: dict[str, Any], field: str) -> list[Problem]:
    found = []
    if (least := source.get("minimum")) is not None and value < least:
        found.append(invalid_value(field, value, f"{field} in body should be greater than or equal to {least}"))
    if (most := source.get("maximum")) is not None and value > most:
        found.append(invalid_value(field, value, f"{field} in body should be less than or equal to {most}"))
    return found


def _join(field: str, name: str) -> str:
    return f"{field}.{name}" if field else name
