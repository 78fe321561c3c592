"""A rendered object made fit for server-side apply (design.md, part 4). Each rule answers a refusal of the server."""

import base64
from collections.abc import Mapping
from typing import Any

from jobs.core.objects import Manifest, ObjectId

MERGE_KEYS: Mapping[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "volumes": ("name",),
    "env": ("name",),
    "volumeMounts": ("mountPath",),
}
"""Keys of the lists where a chart most often names an entry twice; the API server refuses those."""


def prepared(manifest: Manifest, target: ObjectId) -> tuple[Manifest, tuple[str, ...]]:
    """The manifest as it is applied, under its final identity, and warnings for people.

    Dropped: `status`, `operation` of a child Application, `rules` beside `aggregationRule`, server-set metadata.
    Changed: `stringData` becomes `data`; of duplicate list keys the last entry stays.
    """
    body: dict[str, Any] = {key: value for key, value in manifest.body.items() if key != "status"}
    body["metadata"] = _metadata(body.get("metadata"), target)
    if target.group_kind == ("argoproj.io", "Application"):
        body.pop("operation", None)
    if body.get("aggregationRule"):
        body.pop("rules", None)
    if target.group_kind == ("", "Secret"):
        body = _string_data(body)
    warnings: list[str] = []
    body = {key: _last_wins(value, key, warnings) for key, value in body.items()}
    said = tuple(f"{target}: {warning}" for warning in warnings)
    return Manifest(target, manifest.version, body, manifest.origin), said


SERVER_SET = ("creationTimestamp", "managedFields", "resourceVersion", "uid", "generation", "selfLink")
REPLACED = ("name", "generateName", "namespace")
"""The target says them: server-side apply takes no generated name."""


def _metadata(metadata: object, target: ObjectId) -> dict[str, Any]:
    kept = {key: _without_nulls(key, value) for key, value in metadata.items()} if isinstance(metadata, Mapping) else {}
    kept = {key: value for key, value in kept.items() if key not in SERVER_SET + REPLACED}
    named = {"name": target.name} | ({"namespace": target.namespace} if target.namespace else {})
    return {key: value for key, value in kept.items() if value not in (None, {}, [])} | named


def _without_nulls(key: str, value: Any) -> Any:
    """A null label or annotation in a chart means "not set"; the API server would refuse it."""
    if key not in ("labels", "annotations") or not isinstance(value, Mapping):
        return value
    return {name: text for name, text in value.items() if text is not None}


def _string_data(body: dict[str, Any]) -> dict[str, Any]:
    """`stringData` wins over `data`, as the API server does it; written out so that the dry run can be compared."""
    plain, data = body.get("stringData"), body.get("data") or {}
    if not isinstance(plain, Mapping) or not isinstance(data, Mapping):
        return body  # what is no map is the API server's to refuse
    if not all(value is None or isinstance(value, str) for value in plain.values()):
        return body  # and so is what is no text
    encoded = {key: base64.b64encode((value or "").encode()).decode() for key, value in plain.items()}
    return {**{key: value for key, value in body.items() if key != "stringData"}, "data": {**data, **encoded}}


def _last_wins(value: Any, key: str, warnings: list[str]) -> Any:
    if isinstance(value, Mapping):
        return {name: _last_wins(inner, name, warnings) for name, inner in value.items()}
    if not isinstance(value, list):
        return value
    items = [_last_wins(item, "", warnings) for item in value]
    names = MERGE_KEYS.get(key)
    # A list of that name whose items have no such key is another one: some custom resource's.
    if not names or not all(isinstance(item, Mapping) and all(map(item.get, names)) for item in items):
        return items
    kept: dict[tuple[Any, ...], Any] = {}
    for item in items:
        mark = tuple(str(item.get(name)) for name in names)
        if mark in kept:
            warnings.append(f"{key} names {mark[0]} more than once; the last one is used")
        kept[mark] = item
    return list(kept.values())
