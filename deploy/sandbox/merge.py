"""Laying an applied configuration over a live object. Pure.

Maps are merged per field and keyed lists per item; leaves, atomic maps and atomic lists are replaced.
https://github.com/kubernetes-sigs/structured-merge-diff/blob/master/typed/merge.go
"""

from collections import deque
from typing import Any

from deploy.sandbox.schema import ANYTHING, Node
from deploy.sandbox.typed import element, items


def merged(live: Any, applied: Any, node: Node) -> Any:
    """The live value with the applied one laid over it; shares what it doesn't change."""
    if isinstance(applied, dict) and node.shape in ("map", "any") and isinstance(live, dict):
        out = dict(live)
        for name, value in applied.items():
            out[name] = merged(live[name], value, node.children[name] or ANYTHING) if name in live else value
        return out
    if isinstance(applied, list) and node.shape == "list" and isinstance(live, list):
        return _merged_lists(live, applied, node)
    if applied is None and live and node.shape in ("map", "list"):
        return live  # null says nothing about a map that is there
    return applied


def _merged_lists(live: list[Any], applied: list[Any], node: Node) -> list[Any]:
    """Applied items in their own order; live items that aren't applied stay before the shared item they preceded."""
    old, new = items(live, node), items(applied, node)
    values = node.values or ANYTHING
    shared = deque(key for key in new if key in old)
    rest = deque((element(item, node), item) for item in live)
    out: list[Any] = []
    for key, item in new.items():
        while rest and not (shared and rest[0][0] == shared[0]):
            left, own = rest.popleft()
            if left not in new:
                out.append(own)
        if shared and key == shared[0]:
            shared.popleft()
            if rest and rest[0][0] == key:  # else it stood before and was passed over
                rest.popleft()
        out.append(merged(old[key], item, values) if key in old else item)
    out += [item for key, item in rest if key not in new]
    return out
