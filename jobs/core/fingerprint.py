"""A fingerprint of all of a live object that a comparison reads: what did not change is not asked about again."""

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

VOLATILE = frozenset({"resourceVersion", "managedFields", "generation"})
"""Metadata that changes with every status write; what matters of managedFields is added by itself."""


def fingerprint(live: Mapping[str, Any]) -> bytes:
    """Equal for two states of an object that differ only in status: 32 bytes."""
    kept = {key: value for key, value in live.items() if key not in ("status", "metadata")}
    metadata = live.get("metadata") or {}
    kept["metadata"] = {key: value for key, value in metadata.items() if key not in VOLATILE}
    kept["managers"] = [
        (entry.get("manager"), entry.get("operation"), entry.get("fieldsV1"))
        for entry in metadata.get("managedFields") or ()
        if entry.get("subresource") != "status"
    ]
    return digest(kept)


def digest(value: Any) -> bytes:
    """A hash of plain data, whatever the order of its keys: 32 bytes."""
    try:
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        # Deeper than JSON is written here (254 levels), as custom resources may be: slower, and key order counts.
        text = repr(value).encode()
    return hashlib.sha256(text).digest()
