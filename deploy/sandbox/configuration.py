"""Whether an applied configuration fits its field table, before it is merged. Pure.

https://github.com/kubernetes-sigs/structured-merge-diff/blob/master/typed/validate.go
"""

from typing import Any

from deploy.sandbox import fieldset
from deploy.sandbox.schema import ANYTHING, Node
from deploy.sandbox.typed import TypedError, element

NUMBERS = "numeric (int or float)"
EXPECTED: dict[str, tuple[tuple[type, ...], str]] = {
    "string": ((str,), "string"),
    "integer": ((int, float), NUMBERS),
    "number": ((int, float), NUMBERS),
    "boolean": ((bool,), "boolean"),
    "object": ((dict,), "map"),
    "array": ((list,), "list"),
}


def check(config: Any, node: Node) -> None:
    """Raise TypedError naming every field that is not declared, has a wrong type or is an item given twice."""
    found = _errors(config, node, "")
    if found:
        raise TypedError(found[0] if len(found) == 1 else "errors:\n" + "\n".join(f"  {text}" for text in found))


def _errors(value: Any, node: Node, path: str) -> list[str]:
    if value is None or node.type == "any":
        return []
    types, name = EXPECTED.get(node.type, ((), ""))
    if types and (not isinstance(value, types) or (isinstance(value, bool) and bool not in types)):
        return [
            f"{path}: expected {name}, got &{{{value}}}" if name == "map" else f"{path}: expected {name}, got {value!r}"
        ]
    if isinstance(value, dict):
        return _map_errors(value, node, path)
    if isinstance(value, list):
        return _list_errors(value, node, path)
    return []


def _map_errors(value: dict[str, Any], node: Node, path: str) -> list[str]:
    found = []
    for name, below in value.items():
        child = node.children[name]
        if child is not None:
            found += _errors(below, child, f"{path}.{name}")
        elif node.closed and (node.named or node.builtin):
            found.append(f"{path}.{name}: field not declared in schema")
    return found


def _list_errors(value: list[Any], node: Node, path: str) -> list[str]:
    found: list[str] = []
    seen: set[str] = set()
    keyed = node.shape == "list"
    for index, item in enumerate(value):
        where = f"{path}[{index}]"
        if keyed:
            try:
                key = element(item, node)
            except TypedError as error:
                found.append(f"{path}: element {index}: {error}")
                continue
            where = path + fieldset.path_text((key,))
            if key in seen:
                found.append(f"{path}: duplicate entries for key {fieldset.path_text((key,))}")
            seen.add(key)
        found += _errors(item, node.values or ANYTHING, where)
    return found
