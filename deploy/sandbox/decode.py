"""Reading an object as its kind: unknown fields go, schema defaults come, quantities get their one form.

Built-in kinds follow Go's decoder (wrong types are refused, empty lists and maps of no meaning vanish); custom
resources follow structural pruning and defaulting. Always returns a fresh copy.
"""

from typing import Any

import orjson

from deploy.sandbox.errors import ApiError, Problem, bad_request
from deploy.sandbox.quantity import canonical
from deploy.sandbox.resources import Resource
from deploy.sandbox.schema import ANYTHING, Node

PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "int-or-string": (int, str),
    "quantity": (int, float, str),
    "object": (dict,),
    "array": (list,),
}
EMPTY_LIST: tuple[Any, ...] = ([],)
EMPTY_SCALARS: tuple[Any, ...] = ("", 0)
JSON_NAMES = {str: "string", int: "number", float: "number", bool: "bool", dict: "object", list: "array"}


class Decoded:
    """A copy of an object as its kind has it, and the fields that were unknown (as paths: `spec.foo`)."""

    def __init__(self, obj: Any, resource: Resource) -> None:
        self.resource = resource
        self.unknown: list[str] = []
        try:
            self.obj: dict[str, Any] = self._value(obj, resource.node, "")
        except RecursionError:
            raise bad_request("the object is nested too deeply") from None

    def _value(self, value: Any, node: Node, path: str) -> Any:
        if isinstance(value, dict | list):
            return self._nested(value, node, path)
        if node.builtin and node.type == "quantity":
            return canonical(value, path)
        if node.builtin and value is not None:
            self._check(value, node, path)
        return value

    def _nested(self, value: Any, node: Node, path: str) -> Any:
        if node.shape == "any":
            return _copied(value)
        if isinstance(value, dict) and node.type == "object":
            return self._map(value, node, path)
        if isinstance(value, list) and node.type == "array":
            values = node.values or ANYTHING
            return [self._value(item, values, f"{path}[{index}]") for index, item in enumerate(value)]
        if node.builtin:
            self._check(value, node, path)
        return value

    def _map(self, value: dict[str, Any], node: Node, path: str) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for name, below in value.items():
            child = node.children[name]
            where = f"{path}.{name}" if path else name
            if child is None:
                self._undeclared(out, name, below, node, where)
                continue
            if node.builtin and _meaningless(below, child) and name in node.named and name not in node.required:
                continue
            if below is None and not node.builtin and name in node.named and not child.nullable:
                continue
            out[name] = self._value(below, child, where)
        for name, default in node.defaults.items():
            if name not in out:
                out[name] = self._value(default, node.children[name] or ANYTHING, "")
        return out

    def _undeclared(self, out: dict[str, Any], name: str, value: Any, node: Node, where: str) -> None:
        self.unknown.append(where)
        if not node.closed:
            out[name] = _copied(value)

    def _check(self, value: Any, node: Node, path: str) -> None:
        allowed = PYTHON_TYPES.get(node.type)
        if allowed is None or (isinstance(value, allowed) and not (isinstance(value, bool) and bool not in allowed)):
            return
        if isinstance(value, float) and value.is_integer() and int in allowed:
            return
        kind = self.resource.kind
        raise _cannot_be_handled(
            self.resource,
            f"json: cannot unmarshal {JSON_NAMES[type(value)]} into Go struct field {kind}.{path} of type {node.type}",
        )

    def refuse_unknown(self, duplicates: list[str], patched: Any = None) -> None:
        """Strict field validation: raise ApiError when anything was unknown or given twice.

        400 for a body; 422 for the outcome of a patch, which is then shown.
        """
        problems = self.problems(duplicates)
        if not problems:
            return
        text = f"strict decoding error: {', '.join(problems)}"
        if patched is None:
            raise _cannot_be_handled(self.resource, text)
        shown = orjson.dumps(orjson.dumps(patched, option=orjson.OPT_SORT_KEYS).decode()).decode()
        problem = Problem("FieldValueInvalid", "patch", f"Invalid value: {shown}: {text}")
        message = f' "" is invalid: {problem.field}: {problem.text}'
        raise ApiError(422, "Invalid", message, {"causes": [problem.cause()]})

    def problems(self, duplicates: list[str]) -> list[str]:
        """What strict field validation refuses and lenient validation warns of."""
        return [f'unknown field "{path}"' for path in self.unknown] + [f'duplicate field "{p}"' for p in duplicates]


def _cannot_be_handled(resource: Resource, text: str) -> ApiError:
    kind, version = resource.kind, resource.version
    return bad_request(f'{kind} in version "{version}" cannot be handled as a {kind}: {text}')


def _meaningless(value: Any, node: Node) -> bool:
    """What Go drops when it writes: null, and empty lists and maps (a struct may be meant)."""
    if value is None:
        return True
    if node.omitempty and value in (EMPTY_LIST if node.type == "array" else EMPTY_SCALARS):
        return True
    return value == {} and node.type == "object" and not node.named and node.shape != "any"


def _copied(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value))
