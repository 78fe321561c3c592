"""Which change of an Application asks for work: never its status or resourceVersion, else a run would wake itself."""

from collections.abc import Mapping
from typing import Any

from jobs.core.application import DELETION_APPROVED, REFRESH, SKIP_RECONCILE
from jobs.core.fingerprint import digest
from jobs.core.objects import texts

SEEN_ANNOTATIONS = (REFRESH, SKIP_RECONCILE, DELETION_APPROVED)


def wish(body: Mapping[str, Any]) -> bytes:
    """A fingerprint of all that a person or tool can ask for by an Application object."""
    metadata = body.get("metadata") or {}
    annotations = texts(metadata.get("annotations"))
    return digest(
        [
            body.get("spec"),
            body.get("operation"),
            metadata.get("uid"),
            metadata.get("finalizers"),
            metadata.get("deletionTimestamp"),
            [annotations.get(name) for name in SEEN_ANNOTATIONS],
        ]
    )


def was_compared(body: Mapping[str, Any]) -> bool:
    """Whether its status tells of this very spec and nothing is asked: then a starting worker has no hurry with it."""
    metadata, status, spec = body.get("metadata") or {}, body.get("status") or {}, body.get("spec") or {}
    compared_to = (status.get("sync") or {}).get("comparedTo")
    if not isinstance(compared_to, Mapping) or body.get("operation") or metadata.get("deletionTimestamp"):
        return False
    running = (status.get("operationState") or {}).get("phase") == "Running"
    if running or texts(metadata.get("annotations")).get(REFRESH):
        return False
    return all(compared_to.get(name) == spec.get(name) for name in ("source", "sources", "destination"))
