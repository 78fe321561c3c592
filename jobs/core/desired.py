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
    body["metadata"] = _metadata(body.get("metadata") or {}, target)
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


def _metadata(metadata: Mapping[str, Any], target: ObjectId) -> dict[str, Any]:
    dropped = ("creationTimestamp", "managedFields", "resourceVersion", "uid", "generation", "selfLink", "namespace")
    kept = {key: value for key, value in metadata.items() if key not in dropped and value not in (None, {}, [])}
    for key in ("labels", "annotations"):
        if isinstance(kept.get(key), Mapping):
            # A null in a chart means "not set"; the API server would refuse it.
            kept[key] = {name: value for name, value in kept[key].items() if value is not None}
    return {**kept, "namespace": target.namespace} if target.namespace else kept


def _string_data(body: dict[str, Any]) -> dict[str, Any]:
    """`stringData` wins over `data`, as the API server does it; written out so that the dry run can be compared."""
    plain = body.pop("stringData", None)
    if isinstance(plain, Mapping):
        encoded = {key: base64.b64encode(str(value or "").encode()).decode() for key, value in plain.items()}
        body["data"] = {**(body.get("data") or {}), **encoded}
    return body


def _last_wins(value: Any, key: str, warnings: list[str]) -> Any:
    if isinstance(value, Mapping):
        return {name: _last_wins(inner, name, warnings) for name, inner in value.items()}
    if not isinstance(value, list):
        return value
    items = [_last_wins(item, "", warnings) for item in value]
    names = MERGE_KEYS.get(key)
    if not names or not all(isinstance(item, Mapping) for item in items):
        return items
    kept: dict[tuple[Any, ...], Any] = {}
    for item in items:
        mark = tuple(str(item.get(name)) for name in names)
        if mark in kept:
            warnings.append(f"{key} names {mark[0]} more than once; the last one is used")
        kept[mark] = item
    return list(kept.values())
