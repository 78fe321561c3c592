"""Label and field selectors: their texts, and whether an object matches. Pure."""

import re
from collections.abc import Callable
from typing import Any

from deploy.sandbox.errors import bad_request

Obj = dict[str, Any]
Matches = Callable[[Obj], bool]
_SET = re.compile(r"\s*([^\s!=(),]+)\s+(in|notin)\s*\(([^)]*)\)\s*")
_EQUAL = re.compile(r"\s*([^\s!=(),]+)\s*(==|=|!=)\s*([^\s!=(),]*)\s*")
_ORDER = re.compile(r"\s*([^\s!=(),<>]+)\s*([<>])\s*(-?\d+)\s*")
_EXISTS = re.compile(r"\s*(!?)\s*([^\s!=(),]+)\s*")
_NAME = re.compile(r"([a-z0-9A-Z.-]+/)?[a-zA-Z0-9]([-a-zA-Z0-9_.]*[a-zA-Z0-9])?")
COMMON_FIELDS = {"metadata.name", "metadata.namespace"}
FIELDS = {
    "/pods": {
        "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork",
        "status.phase", "status.podIP", "status.nominatedNodeName",
    },
    "/events": {
        "involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
        "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason",
        "reportingComponent", "source", "type",
    },
    "/secrets": {"type"},
    "/namespaces": {"status.phase"},
    "/nodes": {"spec.unschedulable"},
    "/replicationcontrollers": {"status.replicas"},
    "apps/replicasets": {"status.replicas"},
    "batch/jobs": {"status.successful"},
}  # fmt: skip
"""Selectable fields beside name and namespace, by the resource's key."""


def labels(text: str) -> Matches | None:
    """The test that a label selector asks for; `None` when it asks for nothing. Raises ApiError (400)."""
    tests = [_label_test(part, text) for part in _parts(text)]
    if not tests:
        return None
    return lambda obj: _all(tests, obj.get("metadata", {}).get("labels") or {})


def _all(tests: list[Callable[[dict[str, str]], bool]], found: dict[str, str]) -> bool:
    return all(test(found) for test in tests)


def _parts(text: str) -> list[str]:
    parts = re.split(r",(?![^(]*\))", text)
    return [part for part in parts if part.strip()]


def _label_test(part: str, whole: str) -> Callable[[dict[str, str]], bool]:
    if match := _SET.fullmatch(part):
        key, values = match[1], {value.strip() for value in match[3].split(",")}
        wanted = match[2] == "in"
        return lambda found: (found.get(key) in values) if wanted else (found.get(key) not in values)
    if match := _EQUAL.fullmatch(part):
        key, operator, value = match[1], match[2], match[3]
        return (lambda found: found.get(key) != value) if operator == "!=" else (lambda found: found.get(key) == value)
    if match := _ORDER.fullmatch(part):
        key, operator, bound = match[1], match[2], int(match[3])
        return lambda found: _is_ordered(found.get(key), operator, bound)
    if (match := _EXISTS.fullmatch(part)) and _NAME.fullmatch(match[2]):
        key, absent = match[2], bool(match[1])
        return lambda found: (key not in found) if absent else (key in found)
    raise bad_request(f"unable to parse requirement: found {part!r} in label selector {whole!r}")


def _is_ordered(value: str | None, operator: str, bound: int) -> bool:
    if value is None or not re.fullmatch(r"-?\d+", value):
        return False
    return int(value) > bound if operator == ">" else int(value) < bound


def of_label_selector(selector: Obj | None) -> Matches:
    """The test of a `LabelSelector` object; an empty one matches all, none at all matches nothing."""
    if selector is None:
        return lambda _: False
    wanted = selector.get("matchLabels") or {}
    expressions = selector.get("matchExpressions") or ()

    def test(obj: Obj) -> bool:
        found = obj.get("metadata", {}).get("labels") or {}
        return wanted.items() <= found.items() and all(_expression(item, found) for item in expressions)

    return test


def _expression(item: Obj, found: dict[str, str]) -> bool:
    value, values = found.get(item["key"]), item.get("values") or ()
    tests = {
        "In": value in values,
        "NotIn": value not in values,
        "Exists": item["key"] in found,
        "DoesNotExist": item["key"] not in found,
    }
    return tests.get(item.get("operator", ""), False)


def fields(text: str, key: str, selectable: tuple[str, ...] = ()) -> Matches | None:
    """The test that a field selector on the resource `key` asks for; `None` for nothing. Raises ApiError (400)."""
    known = COMMON_FIELDS | FIELDS.get(key, set()) | set(selectable)
    tests = []
    for part in _parts(text):
        match = _EQUAL.fullmatch(part)
        if match is None:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
        if match[1] not in known:
            listed = ", ".join(f'"{name}"' for name in sorted(known))
            raise bad_request(f'"{match[1]}" is not a known field selector: only {listed}')
        tests.append((match[1].split("."), match[3], match[2] != "!="))
    if not tests:
        return None
    return lambda obj: all((_at(obj, path) == value) is equal for path, value, equal in tests)


def _at(obj: Any, path: list[str]) -> str:
    for name in path:
        obj = obj.get(name) if isinstance(obj, dict) else None
    if isinstance(obj, dict):
        obj = obj.get("component")  # an event's `source`
    if isinstance(obj, bool):
        return str(obj).lower()
    return "" if obj is None else str(obj)
