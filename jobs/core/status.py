"""A run written down: `.status` in Argo CD's shape and with its fields only (design.md, part 5).

https://argo-cd.readthedocs.io/en/stable/operator-manual/application.yaml ; nothing secret gets in: messages name paths.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from jobs.core.application import Application
from jobs.core.errors import PlanError, shortened
from jobs.core.health import Health, HealthStatus, application_health, assess, child_of
from jobs.core.images import images_of
from jobs.core.inventory import is_marked
from jobs.core.moment import Moment
from jobs.core.objects import ObjectId
from jobs.core.order import Phase
from jobs.core.plan import Action, Change, Plan
from jobs.core.readable import operation_of
from jobs.core.results import entry_of
from jobs.core.run import NOT_LISTED, OperationPhase, Run

ORPHANS = "OrphanedResourceWarning"
MAX_STATUS = 900_000
"""Bytes of JSON; etcd refuses objects over about 1.5 MB, and the spec needs room too."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a comparison found, for the status. plan: None when it did not get that far."""

    plan: Plan | None
    source_types: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    orphans: str | None = None
    """What to warn of; empty: nothing. None: it was not looked, so the former warning stays."""


def as_status(application: Application, run: Run, seen: Seen, at: Moment) -> dict[str, Any]:
    """The whole `.status` after this claim, at most 900 KB."""
    old = application.status
    status: dict[str, Any] = {
        "sync": _sync(application, run, seen),
        "health": _health(old, seen, application, at),
        "reconciledAt": str(at),
        "controllerNamespace": old.get("controllerNamespace"),
        "conditions": _conditions(old, run, seen, at),
        "history": _history(application, run, seen, at),
        "operationState": _operation_state(run) if run.phase else _former_state(old, run, at),
        "resources": _resources(seen.plan) if seen.plan else old.get("resources"),
        "sourceHydrator": old.get("sourceHydrator"),
    }
    status |= _source_types(application, seen)
    images = images_of(change.live or {} for change in seen.plan.changes) if seen.plan else ()
    status["summary"] = {"images": list(images)} if images else old.get("summary")
    if run.selects:
        status |= {name: old[name] for name in ("sync", "health", "resources", "summary") if old.get(name)}
    return fitted({key: value for key, value in status.items() if value not in (None, [], {})})


LISTS: tuple[tuple[str, ...], ...] = (
    ("resources",),
    ("operationState", "syncResult", "resources"),
    ("history",),
    ("conditions",),
    ("summary", "images"),
)
"""What is cut when dropping what is well was not enough, one after the other; the end of a list stays longest."""


def fitted(status: dict[str, Any], limit: int = MAX_STATUS) -> dict[str, Any]:
    """The status cut to the limit in bytes: results of objects that are well go first, and it says so."""
    if _fits(status, limit):
        return status
    resources = [entry for entry in status.get("resources", []) if not _is_well(entry)]
    left_out = len(status.get("resources", [])) - len(resources)
    cut = {**status, "resources": resources}
    if status.get("operationState"):
        cut["operationState"] = _shorter(status["operationState"], left_out)
    for path in LISTS:
        while not _fits(cut, limit) and (items := _part(cut, path)):
            cut = _replaced(cut, path, items[(len(items) + 1) // 2 :])
    # Copies of what a person wrote; what remains is needed for the status to be valid.
    for path, kept in ((("sync", "comparedTo"), "destination"), (("operationState", "operation"), "initiatedBy")):
        if not _fits(cut, limit) and (copy := _part(cut, path)):
            cut = _replaced(cut, path, {kept: copy.get(kept) or {}})
    return cut


def _fits(status: Mapping[str, Any], limit: int) -> bool:
    return len(orjson.dumps(status)) <= limit


def _shorter(state: Mapping[str, Any], left_out: int) -> dict[str, Any]:
    """Only failures are listed, and hooks: a run that goes on must know which of them it has run."""
    result = state.get("syncResult") or {}
    kept = [item for item in result.get("resources", []) if item.get("status") == "SyncFailed" or item.get("hookType")]
    said = f"{left_out} {NOT_LISTED}"
    message = f"{state.get('message', '')} ({said})".strip()
    return {**state, "message": message, "syncResult": {**result, "resources": kept}}


def _part(status: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    here: Any = status
    for name in path:
        here = (here or {}).get(name)
    return here


def _replaced(status: Mapping[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    name, *rest = path
    return {**status, name: _replaced(status[name], tuple(rest), value) if rest else value}


def _is_well(entry: Mapping[str, Any]) -> bool:
    healthy = (entry.get("health") or {}).get("status") in (None, HealthStatus.HEALTHY)
    return entry.get("status") == "Synced" and healthy


def revision_fields(application: Application, revisions: tuple[str, ...]) -> dict[str, Any]:
    """The revision of `.status.sync` as Argo CD writes it: one, or a list for several sources."""
    if application.spec.get("sources"):
        return {"revisions": list(revisions)}
    return {"revision": revisions[0]} if revisions else {}


def _compared_to(application: Application) -> dict[str, Any]:
    names = ("source", "sources", "destination", "ignoreDifferences")
    return {name: application.spec[name] for name in names if application.spec.get(name)}


def _sync(application: Application, run: Run, seen: Seen) -> dict[str, Any]:
    if seen.plan is None:
        # Unknown, not the former word: what is there now was not compared.
        return {"status": "Unknown", "comparedTo": _compared_to(application), **_known_revision(application, run)}
    word = "Synced" if seen.plan.synced else "OutOfSync"
    return {"status": word, "comparedTo": _compared_to(application), **_known_revision(application, run)}


def _known_revision(application: Application, run: Run) -> dict[str, Any]:
    if run.aim.revisions:
        return revision_fields(application, run.aim.revisions)
    old = application.status.get("sync") or {}
    return {name: old[name] for name in ("revision", "revisions") if old.get(name)}


def _health(old: Mapping[str, Any], seen: Seen, application: Application, at: Moment) -> dict[str, Any]:
    before = old.get("health") or {}
    if seen.plan is None:
        return dict(before) or {"status": HealthStatus.UNKNOWN}
    health = health_of_plan(seen.plan, application)
    changed = before.get("status") != health.status
    since = str(at) if changed else before.get("lastTransitionTime") or str(at)
    found = {"status": str(health.status), "lastTransitionTime": since}
    return {**found, "message": health.message} if health.message else found


def health_of_plan(plan: Plan, application: Application) -> Health:
    """The health of an application from all its objects."""
    itself = ObjectId("argoproj.io", "Application", application.namespace, application.name)
    children = (child_of(change.id, change.live, change.manifest, change.said) for change in plan.changes)
    return application_health(children, itself)


def _resources(plan: Plan) -> list[dict[str, Any]]:
    found = []
    for change in {change.id: change for change in plan.changes if _is_listed(change)}.values():
        health = assess(change.live, change.said) if change.live else _absent(change)
        entry = _reference(change.id, change.manifest.version)
        if change.hook:
            entry["hook"] = True
        else:
            entry["status"] = "Synced" if change.action is Action.UNCHANGED else "OutOfSync"
        if change.wave:
            entry["syncWave"] = change.wave
        found.append(_with_health(entry, health))
    for removal in plan.removals:
        entry = {**_reference(removal.id, removal.manifest.version), "status": "OutOfSync", "requiresPruning": True}
        found.append(_with_health(entry, assess(removal.manifest.body, removal.said)))
    return found


def _is_listed(change: Change) -> bool:
    """Not the namespace that CreateNamespace makes, nor hooks for a failed sync that nobody needed yet."""
    return is_marked(change.manifest) and (change.phase is not Phase.SYNC_FAIL or change.live is not None)


def _absent(change: Change) -> Health | None:
    """The health of what is not there; a Job that ran and went by its time to live has none."""
    return None if change.action is Action.UNCHANGED else Health(HealthStatus.MISSING)


def _with_health(entry: dict[str, Any], health: Health | None) -> dict[str, Any]:
    if health is None:
        return entry
    said = {"status": str(health.status)}
    return {**entry, "health": {**said, "message": health.message} if health.message else said}


def _reference(target: ObjectId, version: str) -> dict[str, Any]:
    named = {"group": target.group, "version": version, "kind": target.kind, "namespace": target.namespace}
    return {key: value for key, value in {**named, "name": target.name}.items() if value}


def _conditions(old: Mapping[str, Any], run: Run, seen: Seen, at: Moment) -> list[dict[str, str]]:
    """Errors of this claim and warnings of this comparison; a condition that stays keeps its time."""
    error = run.error
    wanted = [(error.condition, error.message)] if error else []
    wanted += [("SyncWarning", run.held.message)] if run.held else []
    if error is None and seen.plan and seen.plan.refusals:
        # Who only looks says it too: once the retries are used up, nobody else would.
        wanted = [(PlanError.condition, shortened(seen.plan.refused()))]
    wanted += [
        ("RepeatedResourceWarning" if "more than once" in said else "SyncWarning", said) for said in seen.warnings
    ]
    wanted += _orphans(old, seen)
    since = {
        (entry.get("type"), entry.get("message")): entry.get("lastTransitionTime")
        for entry in old.get("conditions") or []
        if isinstance(entry, Mapping)
    }
    return [
        {"type": kind, "message": message, "lastTransitionTime": since.get((kind, message)) or str(at)}
        for kind, message in wanted
    ]


def _orphans(old: Mapping[str, Any], seen: Seen) -> list[tuple[str, str]]:
    if seen.orphans is not None:
        return [(ORPHANS, seen.orphans)] if seen.orphans else []
    return [(ORPHANS, str(entry.get("message"))) for entry in old.get("conditions") or [] if _is_of(entry, ORPHANS)]


def _is_of(entry: object, kind: str) -> bool:
    return isinstance(entry, Mapping) and entry.get("type") == kind


def _operation_state(run: Run) -> dict[str, Any]:
    state: dict[str, Any] = {
        "operation": operation_of(run.operation),
        "phase": str(run.phase),
        "message": run.message,
        "startedAt": str(run.started_at),
        "syncResult": {"resources": [entry_of(result) for result in run.results.values()]},
    }
    revisions = run.aim.revisions
    state["syncResult"]["revision"] = revisions[0] if revisions else ""
    if len(revisions) > 1:
        state["syncResult"]["revisions"] = list(revisions)
    if run.finished_at:
        state["finishedAt"] = str(run.finished_at)
    if run.retry_count:
        state["retryCount"] = run.retry_count
    return state


def _former_state(old: Mapping[str, Any], run: Run, at: Moment) -> Any:
    """The operation before; one that still ran and that nobody goes on with has ended."""
    state = old.get("operationState")
    if not run.supersedes or run.error:
        return state
    return {**(state or {}), "phase": "Failed", "message": "superseded by a newer revision", "finishedAt": str(at)}


def _history(application: Application, run: Run, seen: Seen, at: Moment) -> list[Any]:
    """Every revision that was fully deployed, oldest first; the heals of a revision share its entry."""
    entries = list(application.status.get("history") or [])
    ended_well = run.phase is OperationPhase.SUCCEEDED and not run.heal and run.whole
    if not ended_well:
        return _limited(entries, application.history_limit)
    entry: dict[str, Any] = {
        "id": _next_id(entries),
        "deployStartedAt": str(run.started_at),
        "deployedAt": str(at),
        "initiatedBy": run.operation.get("initiatedBy") or {},
        **revision_fields(application, run.aim.revisions),
    }
    entry |= {name: application.spec[name] for name in ("source", "sources") if application.spec.get(name)}
    return _limited([*entries, entry], application.history_limit)


def _next_id(entries: Sequence[Mapping[str, Any]]) -> int:
    ids = [entry["id"] for entry in entries if isinstance(entry.get("id"), int)]
    return max(ids) + 1 if ids else 0


def _limited(entries: Iterable[Any], limit: int) -> list[Any]:
    kept = list(entries)
    return kept[-limit:] if limit else []


def _source_types(application: Application, seen: Seen) -> dict[str, Any]:
    if not seen.source_types:
        names = ("sourceType", "sourceTypes")
        return {name: application.status[name] for name in names if application.status.get(name)}
    if application.spec.get("sources"):
        return {"sourceTypes": list(seen.source_types)}
    return {"sourceType": seen.source_types[0]}
