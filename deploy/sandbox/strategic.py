"""Strategic merge patch for built-in kinds: lists merge by their merge key, directives replace and delete. Pure.

https://github.com/kubernetes/apimachinery/blob/master/pkg/util/strategicpatch/patch.go
"""

from typing import Any

from deploy.sandbox.schema import ANYTHING, Node

DIRECTIVE = "$patch"
DELETE_FROM = "$deleteFromPrimitiveList/"
ORDER = "$setElementOrder/"
RETAIN = "$retainKeys"


def strategic_merge(target: Any, patch: Any, node: Node) -> Any:
    """The target with a strategic merge patch laid over it."""
    if not isinstance(patch, dict):
        return patch
    if patch.get(DIRECTIVE) == "replace":
        return _plain(patch)
    if patch.get(DIRECTIVE) == "delete":
        return {}
    out = dict(target) if isinstance(target, dict) else {}
    if RETAIN in patch:
        out = {name: value for name, value in out.items() if name in patch[RETAIN]}
    for name, value in patch.items():
        _lay(out, name, value, node)
    return out


def _lay(out: dict[str, Any], name: str, value: Any, node: Node) -> None:
    if name.startswith(DELETE_FROM):
        field = name.removeprefix(DELETE_FROM)
        out[field] = [item for item in out.get(field) or () if item not in value]
    elif name.startswith("$"):
        return  # order hints and directives that are done with
    elif value is None:
        out.pop(name, None)
    elif isinstance(value, list):
        out[name] = _lists(out.get(name) or [], value, node.children[name] or ANYTHING)
    else:
        out[name] = strategic_merge(out.get(name), value, node.children[name] or ANYTHING)


def _lists(target: list[Any], patch: list[Any], node: Node) -> list[Any]:
    if "merge" not in node.strategy:
        return [_plain(item) for item in patch]
    if node.merge_key is None:
        return target + [item for item in patch if item not in target]
    if any(isinstance(item, dict) and item.get(DIRECTIVE) == "replace" for item in patch):
        return [_plain(item) for item in patch if not (isinstance(item, dict) and item.get(DIRECTIVE) == "replace")]
    return _keyed(target, [item for item in patch if isinstance(item, dict)], node)


def _keyed(target: list[Any], patch: list[dict[str, Any]], node: Node) -> list[Any]:
    key = node.merge_key or ""
    out = list(target)
    for item in patch:
        at = next((index for index, old in enumerate(out) if old.get(key) == item.get(key)), None)
        if item.get(DIRECTIVE) == "delete":
            if at is not None:
                del out[at]
        elif at is None:
            out.append(_plain(item))
        else:
            out[at] = strategic_merge(out[at], item, node.values or ANYTHING)
    return out


def _plain(value: Any) -> Any:
    """The value without directives and without the nulls that only mean removal."""
    if isinstance(value, dict):
        kept = {name: below for name, below in value.items() if not name.startswith("$") and below is not None}
        return {name: _plain(below) for name, below in kept.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
