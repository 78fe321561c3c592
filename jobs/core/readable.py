"""What of a status can be read: anybody may have written it, and a lost one is rebuilt, never an error (design.md).

Only shapes are looked at here; what the fields mean: status.py and run.py.
"""

from collections.abc import Mapping
from typing import Any

TEXT = str
MAP: Mapping[str, Any] = {}
"""A map with anything in it."""
SHAPE: Mapping[str, Any] = {
    "sync": {"status": TEXT, "comparedTo": MAP, "revision": TEXT, "revisions": [TEXT]},
    "health": {"status": TEXT, "message": TEXT, "lastTransitionTime": TEXT},
    "operationState": {
        "operation": {
            "initiatedBy": MAP,
            "info": [MAP],
            "sync": {"revision": TEXT, "revisions": [TEXT], "source": MAP, "sources": [MAP]},
        },
        "phase": TEXT,
        "message": TEXT,
        "syncResult": {"revision": TEXT, "revisions": [TEXT], "resources": [MAP]},
    },
    "resources": [{"health": MAP}],
    "history": [{"revision": TEXT, "revisions": [TEXT], "source": MAP, "sources": [MAP]}],
    "conditions": [{"type": TEXT, "message": TEXT, "lastTransitionTime": TEXT}],
    "summary": MAP,
}
"""Of each field that Pilothouse reads: a map, a list of one shape, or text."""


def status_of(written: object) -> Mapping[str, Any]:
    """The status without every part that has another shape than it must have; empty: it has none."""
    found: Mapping[str, Any] = _fitting(written, SHAPE) or {}
    return found


def operation_of(written: Mapping[str, Any]) -> Mapping[str, Any]:
    """An operation as its status may hold it: what could not be read from there again is left out."""
    found: Mapping[str, Any] = _fitting(written, SHAPE["operationState"]["operation"])
    return found


def _fitting(value: Any, shape: Any) -> Any:
    """The value without what does not fit; None: it does not fit itself. A shape of None fits everything."""
    if shape is None:
        return value
    if shape is TEXT:
        return value if isinstance(value, str) else None
    if isinstance(shape, list):
        items = (_fitting(item, shape[0]) for item in value) if isinstance(value, list) else None
        return None if items is None else [item for item in items if item is not None]
    if not isinstance(value, Mapping):
        return None
    parts = {name: _fitting(part, shape.get(name)) for name, part in value.items()}
    return {name: part for name, part in parts.items() if part is not None or name not in shape}
