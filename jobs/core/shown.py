"""Objects made fit to be shown: live and wanted side by side, without Secret values and without bookkeeping."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from jobs.core.masked import masked, masked_pair
from jobs.core.objects import Manifest
from jobs.core.plan import Plan


def managed_resources(plan: Plan) -> list[dict[str, Any]]:
    """One entry per object, states as JSON text as Argo CD's API has them; `null`: not there.

    https://cd.apps.argoproj.io/swagger-ui (ApplicationService_ManagedResources)
    """
    entries = [_entry(change.id, change.live, change.manifest.body) for change in plan.changes]
    for entry, change in zip(entries, plan.changes, strict=True):
        entry |= {"action": str(change.action), "differences": [str(item) for item in change.differences]}
        if change.hook:
            entry["hook"] = True
    gone = [_entry(removal.id, removal.manifest.body, None) for removal in plan.removals]
    for entry, removal in zip(gone, plan.removals, strict=True):
        entry |= {"requiresPruning": True, "kept": removal.kept}
    return entries + gone


def manifests(wanted: Iterable[Manifest]) -> list[str]:
    """Rendered objects as JSON text, as Argo CD's API has them (ApplicationService_GetManifests)."""
    return [_text(masked(manifest.body)) for manifest in wanted]


def events(found: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Kubernetes Events without what only their writer needs, in the order of their last time.

    https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
    """
    return sorted((_event(body) for body in found), key=lambda event: str(event["lastTimestamp"]))


def _event(body: Mapping[str, Any]) -> dict[str, Any]:
    first, last = body.get("firstTimestamp") or body.get("eventTime"), body.get("lastTimestamp")
    return {
        "type": str(body.get("type") or ""),
        "reason": str(body.get("reason") or ""),
        "message": str(body.get("message") or body.get("note") or ""),
        "count": int(body.get("count") or 1),
        "firstTimestamp": str(first or ""),
        "lastTimestamp": str(last or first or ""),
        "source": str((body.get("source") or {}).get("component") or body.get("reportingComponent") or ""),
    }


def _entry(target: Any, live: Mapping[str, Any] | None, wanted: Mapping[str, Any] | None) -> dict[str, Any]:
    shown_live, shown_wanted = masked_pair(live, wanted)
    return {
        "group": target.group,
        "kind": target.kind,
        "namespace": target.namespace,
        "name": target.name,
        "liveState": _text(shown_live),
        "targetState": _text(shown_wanted),
    }


def _text(body: Mapping[str, Any] | None) -> str:
    if body is None:
        return "null"
    metadata = {key: value for key, value in (body.get("metadata") or {}).items() if key != "managedFields"}
    return orjson.dumps({**body, "metadata": metadata}, option=orjson.OPT_SORT_KEYS).decode()
