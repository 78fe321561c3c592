"""Which change of an Application asks for work: never its status or resourceVersion, else a run would wake itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobs.core.application import DELETION_APPROVED, REFRESH, SKIP_RECONCILE, Application
from jobs.core.deletion import HOOKS
from jobs.core.fingerprint import digest
from jobs.core.objects import metadata_of, texts
from jobs.core.readable import status_of

LASTING_ANNOTATIONS = (SKIP_RECONCILE, DELETION_APPROVED)


@dataclass(frozen=True, slots=True)
class Wish:
    """All that a person or tool can ask for by an Application object, as fingerprints."""

    lasting: bytes
    """What stays until somebody changes it."""
    once: bytes
    """What Pilothouse takes away once it is done: operation and refresh; empty: nothing is asked."""

    def is_new(self, before: "Wish") -> bool:
        """Whether something is asked that was not before. That what was asked is done is no news."""
        return self.lasting != before.lasting or (bool(self.once) and self.once != before.once)


def wish(body: Mapping[str, Any]) -> Wish:
    """What the Application object as it is now asks for."""
    metadata = metadata_of(body)
    annotations = texts(metadata.get("annotations"))
    once = [body.get("operation"), annotations.get(REFRESH)]
    lasting = [
        body.get("spec"),
        metadata.get("uid"),
        _finalizers(metadata),
        metadata.get("deletionTimestamp"),
        [annotations.get(name) for name in LASTING_ANNOTATIONS],
    ]
    return Wish(digest(lasting), digest(once) if any(once) else b"")


def _finalizers(metadata: Mapping[str, Any]) -> object:
    """Those of deletion hooks are put on and taken off by us, until the Application is being deleted."""
    found = metadata.get("finalizers")
    if metadata.get("deletionTimestamp") or not isinstance(found, list):
        return found
    return [name for name in found if not str(name).startswith(tuple(HOOKS.values()))] or None


def was_compared(body: Mapping[str, Any]) -> bool:
    """Whether its status tells of this very spec and nothing is asked: then a starting worker has no hurry with it."""
    metadata, status, spec = metadata_of(body), status_of(body.get("status")), body.get("spec")
    compared_to = (status.get("sync") or {}).get("comparedTo")
    if not isinstance(compared_to, Mapping) or not isinstance(spec, Mapping):
        return False
    if body.get("operation") or metadata.get("deletionTimestamp"):
        return False
    running = (status.get("operationState") or {}).get("phase") == "Running"
    if running or texts(metadata.get("annotations")).get(REFRESH):
        return False
    return all(compared_to.get(name) == spec.get(name) for name in ("source", "sources", "destination"))


def is_left_undone(application: Application) -> bool:
    """Whether something should have been put back and was not, since it could not be: no event tells when it can."""
    status = (application.status.get("sync") or {}).get("status")
    return status == "OutOfSync" and application.policy.automated and application.policy.self_heal
