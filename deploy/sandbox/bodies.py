"""Request bodies: JSON or YAML to values, fields given twice, and the kinds of patch. Pure."""

import functools
import json
import re
from collections.abc import Callable
from typing import Any

import orjson
import yaml

from deploy.sandbox import patch
from deploy.sandbox.errors import ApiError, bad_request, unsupported_media_type
from deploy.sandbox.strategic import strategic_merge
from deploy.sandbox.target import Target

Obj = dict[str, Any]
APPLY = ("application/apply-patch+yaml", "application/apply-patch+json")
PATCHES = (
    "application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
)  # fmt: skip
LIMIT = 3 * 1024 * 1024
"""Bytes of a body, as in the real one."""


def parse(raw: bytes, content_type: str) -> Any:
    """The value of a body. Raises ApiError (400, 413)."""
    if len(raw) > LIMIT:
        text = f"Request entity too large: limit is {LIMIT}"
        raise ApiError(413, "RequestEntityTooLarge", text)
    if not raw.strip():
        return {}
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        if "yaml" not in content_type:
            raise bad_request(f"the body is not valid JSON: {error}") from None
    try:
        return json.loads(json.dumps(yaml.load(raw, Loader=_Loader)))  # noqa: S506  # a safe loader
    except (yaml.YAMLError, TypeError, ValueError, RecursionError) as error:
        raise bad_request(f"error decoding YAML: {error}") from None


class _Loader(yaml.CSafeLoader):
    """YAML as Kubernetes reads it: times stay text, `y` and `n` are booleans."""


_Loader.yaml_implicit_resolvers = {
    sign: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
    for sign, pairs in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"[yYnN]$"), list("yYnN"))
_Loader.add_constructor("tag:yaml.org,2002:bool", lambda _, node: str(node.value).lower() in ("y", "yes", "on", "true"))


def mapping(raw: bytes, content_type: str) -> Obj:
    """The body as an object. Raises ApiError (400, 413)."""
    value = parse(raw, content_type)
    if not isinstance(value, dict):
        raise bad_request(f"the body must be an object, not {type(value).__name__}")
    return value


def duplicates(raw: bytes) -> tuple[str, ...]:
    """Fields that a JSON body gives twice, as paths."""
    found: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        seen = dict(items)
        if len(seen) < len(items):
            names = [name for name, _ in items]
            doubled = list(dict.fromkeys(name for name in names if names.count(name) > 1))
            seen["\0doubled"] = doubled
            found.extend(doubled)
        return seen

    try:
        value = json.loads(raw, object_pairs_hook=pairs)
    except (ValueError, RecursionError):
        return ()
    return tuple(_located(value, "")) if found else ()


def _located(value: Any, path: str) -> list[str]:
    out: list[str] = []
    if isinstance(value, dict):
        out += [f"{path}.{name}" if path else name for name in value.pop("\0doubled", ())]
        for name, below in value.items():
            out += _located(below, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            out += _located(item, f"{path}[{index}]")
    return out


def change(target: Target, content_type: str, raw: bytes) -> Callable[[Obj], Obj]:
    """What a patch body does to an object. Raises ApiError: 400, 413, 415."""
    if content_type == "application/json-patch+json":
        operations = parse(raw, content_type)
        return lambda live: patch.json_patch(live, operations)
    if content_type == "application/merge-patch+json":
        return functools.partial(_swapped, patch.merge, mapping(raw, content_type))
    if content_type == "application/strategic-merge-patch+json" and not target.resource.custom:
        node = target.resource.node
        return functools.partial(
            _swapped, lambda live, body: strategic_merge(live, body, node), mapping(raw, content_type)
        )
    supported = [name for name in PATCHES if "strategic" not in name or not target.resource.custom]
    raise unsupported_media_type(
        "the body of the request was in an unknown format - accepted media types include: " + ", ".join(supported)
    )


def _swapped(function: Callable[[Obj, Obj], Obj], body: Obj, live: Obj) -> Obj:
    return function(live, body)
