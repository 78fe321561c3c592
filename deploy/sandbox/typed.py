"""Values and field paths: what a value sets, how two values differ, what is left when paths are taken out. Pure.

The semantics are those of structured-merge-diff, which every API server uses for managedFields:
https://github.com/kubernetes-sigs/structured-merge-diff/tree/master/typed
"""

from dataclasses import dataclass
from typing import Any

import orjson

from deploy.sandbox import fieldset
from deploy.sandbox.fieldset import SELF, Set
from deploy.sandbox.schema import ANYTHING, Node


class TypedError(Exception):
    """The value doesn't fit its field table; the text says where: `.spec.foo: field not declared in schema`."""


def element(item: Any, node: Node) -> str:
    """The path element of a list item: by its keys or, in a set, by its value.

    Raises TypedError when a key without a default is missing.
    """
    if not node.keys:
        return "v:" + orjson.dumps(item, option=orjson.OPT_SORT_KEYS).decode()
    if not isinstance(item, dict):
        raise TypedError(f"associative list with keys has an element that is not a map: {item!r}")
    key = {}
    for name in node.keys:
        value = item.get(name)
        if value is None:
            value = node.key_defaults.get(name)
        if value is None:
            raise TypedError(f'associative list with keys has an element that omits key field "{name}"')
        key[name] = value
    return "k:" + orjson.dumps(key, option=orjson.OPT_SORT_KEYS).decode()


def items(values: list[Any] | None, node: Node) -> dict[str, Any]:
    """Path element -> item. Of items with the same element the last stays."""
    return {element(item, node): item for item in values or ()}


def fields_of(value: Any, node: Node) -> Set:
    """What an applied configuration sets: its leaves, and the items of keyed lists."""
    return _fields(value, node, whole=False) or {}


def _fields(value: Any, node: Node, *, whole: bool) -> Set | None:
    """The set below one place; `None` where nothing is set. `whole`: maps and lists count as members themselves."""
    if isinstance(value, dict) and value and node.shape in ("map", "any"):
        out = _fields_of_map(value, node, whole=whole)
    elif isinstance(value, list) and node.shape == "list" and node.values is not None:
        out = {key: _as_member(_fields(item, node.values, whole=whole)) for key, item in items(value, node).items()}
    else:
        return {}
    return _as_member(out) if whole else out or None


def _fields_of_map(value: dict[str, Any], node: Node, *, whole: bool) -> Set:
    out: Set = {}
    children, named = node.children, node.named
    for name, below in value.items():
        fields = _fields(below, children[name] or ANYTHING, whole=whole)
        if fields is not None:
            out["f:" + name] = fields if name in named else _as_member(fields)
    return out


def _as_member(fields: Set | None) -> Set:
    """The set below a place that belongs to it as well."""
    return {SELF: {}, **fields} if fields else {}


@dataclass(slots=True)
class Difference:
    """How a new value differs from an old one, as three sets of paths."""

    added: Set
    removed: Set
    modified: Set

    def changed(self) -> Set:
        """What the new value has that the old one hadn't: added and modified."""
        return fieldset.union(self.added, self.modified)


_ABSENT = object()
_Parts = tuple[Set | None, Set | None, Set | None]
_SAME: _Parts = (None, None, None)


def compare(old: Any, new: Any, node: Node) -> Difference:
    """The difference of two values of one field table."""
    added, removed, modified = _compare(old, new, node)
    return Difference(added or {}, removed or {}, modified or {})


def _compare(old: Any, new: Any, node: Node) -> _Parts:
    if old is _ABSENT:
        return _fields(new, node, whole=True), None, None
    if new is _ABSENT:
        return None, _fields(old, node, whole=True), None
    if old == new and type(old) is type(new):
        return _SAME
    if not old and not new:
        return None, None, {}  # null, {} and [] are told apart
    if node.shape in ("map", "any") and _is(dict, old, new):
        return _compare_maps(old or {}, new or {}, node)
    if node.shape == "list" and _is(list, old, new) and node.values is not None:
        return _merged(items(old, node), items(new, node), lambda _: node.values or ANYTHING)
    # One value in place of another; where it was or is a map, what lies below came and went.
    return _below(new, node), _below(old, node), {}


def _below(value: Any, node: Node) -> Set | None:
    fields = _fields(value, node, whole=True) or {}
    return {key: below for key, below in fields.items() if key != SELF} or None


def _compare_maps(old: dict[str, Any], new: dict[str, Any], node: Node) -> _Parts:
    left = {"f:" + name: value for name, value in old.items()}
    right = {"f:" + name: value for name, value in new.items()}
    return _merged(left, right, lambda key: node.children[key[2:]] or ANYTHING)


def _merged(left: dict[str, Any], right: dict[str, Any], node_of: Any) -> _Parts:
    out: tuple[Set, Set, Set] = ({}, {}, {})
    for key in left.keys() | right.keys():
        parts = _compare(left.get(key, _ABSENT), right.get(key, _ABSENT), node_of(key))
        for target, part in zip(out, parts, strict=True):
            if part is not None:
                target[key] = part
    return out[0] or None, out[1] or None, out[2] or None


def _is(kind: type, *values: Any) -> bool:
    return all(value is None or isinstance(value, kind) for value in values)


def without(value: Any, fields: Set, node: Node) -> Any:
    """The value without the given paths. A map or list that loses its last part becomes null, as in the real one."""
    if isinstance(value, dict) and node.shape in ("map", "any"):
        out = {}
        for name, below in value.items():
            kept = _kept(below, fields.get("f:" + name), node.children[name] or ANYTHING)
            if kept is not _ABSENT:
                out[name] = kept
        return out or None
    if isinstance(value, list) and node.shape == "list" and node.values is not None:
        left = [_kept(item, fields.get(element(item, node)), node.values) for item in value]
        return [item for item in left if item is not _ABSENT] or None
    return value


def _kept(value: Any, fields: Set | None, node: Node) -> Any:
    if fields is None:
        return value
    return _ABSENT if fieldset.is_member(fields) else without(value, fields, node)


def with_named_parents(fields: Set, node: Node) -> Set:
    """The set with every declared field that leads to a member made a member too."""
    out: Set = {}
    for key, below in fields.items():
        if key == SELF:
            out[key] = below
            continue
        child = (node.children[key[2:]] if key.startswith("f:") else node.values) or ANYTHING
        grown = with_named_parents(below, child)
        named = key.startswith("f:") and key[2:] in node.named
        out[key] = {SELF: {}, **grown} if grown and named else grown
    return out
