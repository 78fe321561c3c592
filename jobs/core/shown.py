"""Objects made fit to be shown: live and wanted side by side, without Secret values and without bookkeeping."""

from collections.abc import Mapping
from typing import Any

import orjson

from jobs.core.masked import masked_pair
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
