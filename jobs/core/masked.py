"""Secret data made safe to show: equal values get equal runs of `+`, different ones runs of different length."""

import json
from collections.abc import Mapping
from typing import Any

from jobs.core.objects import metadata_of

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
SHORTEST = 8


def masked_pair(live: Mapping[str, Any] | None, wanted: Mapping[str, Any] | None) -> tuple[Any, Any]:
    """Both sides of a comparison without a Secret's values (https://argo-cd.readthedocs.io masks the same way)."""
    lengths: dict[str, int] = {}
    return _masked(live, lengths), _masked(wanted, lengths)


def masked(body: Mapping[str, Any]) -> Any:
    """One object without a Secret's values."""
    return _masked(body, {})


def _masked(body: Mapping[str, Any] | None, lengths: dict[str, int]) -> Any:
    if body is None or body.get("kind") != "Secret" or "/" in str(body.get("apiVersion", "")):
        return body
    shown = {**body}
    for field in ("data", "stringData"):
        data = body.get(field)
        if isinstance(data, Mapping):
            shown[field] = {key: _run(value, lengths) for key, value in data.items()}
        elif data is not None:
            shown[field] = _run(data, lengths)
    metadata = dict(metadata_of(body))
    annotations = metadata.get("annotations")
    if isinstance(annotations, Mapping) and LAST_APPLIED in annotations:
        # kubectl keeps a copy of the whole Secret here.
        metadata["annotations"] = {**annotations, LAST_APPLIED: _run(annotations[LAST_APPLIED], lengths)}
        shown["metadata"] = metadata
    return shown


def _run(value: Any, lengths: dict[str, int]) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
    return "+" * lengths.setdefault(text, SHORTEST + len(lengths))
