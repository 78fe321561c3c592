"""Sets of field paths, in the very form of `fieldsV1`: nested mappings of path elements. Pure algebra.

`{}` is a path that belongs to the set; `{".": {}, ...}` belongs and has members below; any other mapping only leads to
members below. The root itself is never a member, so an empty root is the empty set. Nothing here changes its input.
https://github.com/kubernetes-sigs/structured-merge-diff/blob/master/fieldpath/serialize.go
"""

from collections.abc import Iterator
from typing import Any

import orjson

Set = dict[str, Any]
SELF = "."


def union(a: Set, b: Set) -> Set:
    """Members of either."""
    if not a or not b:
        return a or b
    out = dict(a)
    for key, below in b.items():
        out[key] = _union_node(out[key], below) if key in out else below
    return out


def _union_node(a: Set, b: Set) -> Set:
    out = union(a, b)
    if out and (is_member(a) or is_member(b)):
        out = {**out, SELF: {}}
    return out


def difference(a: Set, b: Set) -> Set:
    """Members of `a` that are not in `b`."""
    if not b:
        return a
    out = {}
    for key, below in a.items():
        other = b.get(key)
        left = below if other is None else _difference_node(below, other)
        if left is not None:
            out[key] = left
    return out


def _difference_node(a: Set, b: Set) -> Set | None:
    below = difference(_below(a), _below(b))
    return _node(member=is_member(a) and not is_member(b), below=below)


def intersection(a: Set, b: Set) -> Set:
    """Members of both."""
    out = {}
    for key, below in a.items():
        other = b.get(key)
        if other is not None:
            node = _node(member=is_member(below) and is_member(other), below=intersection(_below(below), _below(other)))
            if node is not None:
                out[key] = node
    return out


def contains(a: Set, b: Set) -> bool:
    """Whether every member of `b` is in `a`."""
    return not difference(b, a)


def is_member(node: Set) -> bool:
    """Whether the path that leads to this node belongs to the set."""
    return not node or SELF in node


def paths(fields: Set) -> Iterator[tuple[str, ...]]:
    """Every member as its path elements, in the order of the mapping."""
    for key, node in fields.items():
        if key == SELF:
            continue
        if is_member(node):
            yield (key,)
        for below in paths(_below(node)):
            yield (key, *below)


def of_paths(members: Iterator[tuple[str, ...]]) -> Set:
    """The set of the given paths."""
    out: Set = {}
    for path in members:
        single: Set = {}
        for key in reversed(path):
            single = {key: single}
        out = union(out, single)
    return out


def path_text(path: tuple[str, ...]) -> str:
    """The path as errors show it: `.spec.containers[name="web"].image`."""
    return "".join(_element_text(element) for element in path)


def _element_text(element: str) -> str:
    kind, _, rest = element.partition(":")
    if kind == "f":
        return f".{rest}"
    value = orjson.loads(rest)
    if kind == "k":
        return "[" + ",".join(f"{key}={_value_text(part)}" for key, part in value.items()) + "]"
    return f"[={_value_text(value)}]"


def _value_text(value: Any) -> str:
    return orjson.dumps(value).decode()


def _below(node: Set) -> Set:
    if SELF not in node:
        return node
    return {key: value for key, value in node.items() if key != SELF}


def _node(*, member: bool, below: Set) -> Set | None:
    """A node of its two halves; `None` when nothing is left of it."""
    if member:
        return {SELF: {}, **below} if below else {}
    return below or None
