"""What a run did to each object: shaped from what was applied and pruned, written to a status and read again.

How a result ends that is waited for: settle.py.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jobs.core.blame import told
from jobs.core.errors import shortened
from jobs.core.hooks import LiveHook
from jobs.core.objects import ObjectId
from jobs.core.plan import Action, Change, Plan, Removal

SYNCED, SYNC_FAILED, PRUNED, PRUNE_SKIPPED = "Synced", "SyncFailed", "Pruned", "PruneSkipped"
"""Argo CD's result codes of one object."""


@dataclass(frozen=True, slots=True)
class Result:
    """What the run did to one object in one phase."""

    id: ObjectId
    version: str
    status: str
    """One of the four codes; empty for hooks."""
    message: str
    sync_phase: str = "Sync"
    hook_type: str = ""
    hook_phase: str = ""
    """Running, Succeeded or Failed, for hooks and for objects that are waited for."""
    changed: bool = True
    """Whether the object was really written by this run."""

    @property
    def key(self) -> tuple[ObjectId, str]:
        """An object may be a hook of several phases."""
        return self.id, self.sync_phase


def applied(changes: Iterable[Change], *, waits: bool) -> list[Result]:
    """Results of changes that were written. waits: whether the sync goes on only when they are healthy.

    A heal does not wait, and says what it put back and who had changed it.
    """
    return [
        Result(
            change.id,
            change.manifest.version,
            "" if change.hook else SYNCED,
            str(change.action) if waits else f"{change.action}: {told(change)}",
            str(change.phase),
            str(change.phase) if change.hook else "",
            "Running" if waits or change.hook else "Succeeded",
            changed=change.action is not Action.UNCHANGED,
        )
        for change in changes
    ]


def pruned(removals: Iterable[Removal], problems: Mapping[ObjectId, str]) -> list[Result]:
    """Results of removals: pruned, skipped with the reason, or refused by the cluster."""
    found = []
    for removal in removals:
        problem = problems.get(removal.id, "")
        status = SYNC_FAILED if problem else PRUNE_SKIPPED if removal.kept or removal.released else PRUNED
        done = "released: another Application wants it" if removal.released else "pruned"
        message = problem or removal.kept or done
        found.append(Result(removal.id, removal.manifest.version, status, message, changed=status == PRUNED))
    return found


def terminated(hooks: Iterable[LiveHook], operation: str, why: str) -> list[Result]:
    """Results of hooks of this operation that were deleted while they ran; those of another are not told here."""
    return [
        Result(
            hook.id,
            hook.manifest.version,
            "",
            f"terminated: {shortened(why, 300)}",
            hook.phase,
            hook.phase,
            "Failed",
        )
        for hook in hooks
        if hook.operation == operation
    ]


def refused(todo: Plan) -> list[Result]:
    """Results of objects that a refusal names, for the status."""
    refusals = todo.refusals
    return [
        Result(change.id, change.manifest.version, SYNC_FAILED, said, str(change.phase), changed=False)
        for change in todo.changes
        for said in refusals
        if said.startswith(f"{change.id}: ")
    ]


def results_of(state: Mapping[str, Any]) -> dict[tuple[ObjectId, str], Result]:
    """What earlier claims of the operation did, from its status; anything unreadable is left out."""
    found: dict[tuple[ObjectId, str], Result] = {}
    for entry in (state.get("syncResult") or {}).get("resources") or []:
        if isinstance(entry, Mapping):
            result = _result(entry)
            found[result.key] = result
    return found


def entry_of(result: Result) -> dict[str, Any]:
    """One result as Argo CD writes it into `.status.operationState.syncResult`."""
    required = {name: getattr(result.id, name) for name in ("group", "kind", "namespace", "name")}
    entry = {**required, "version": result.version, "message": result.message, "syncPhase": result.sync_phase}
    optional = {"status": result.status, "hookType": result.hook_type, "hookPhase": result.hook_phase}
    return entry | {key: value for key, value in optional.items() if value}


def _result(entry: Mapping[str, Any]) -> Result:
    def text(name: str) -> str:
        return str(entry.get(name) or "")

    target = ObjectId(text("group"), text("kind"), text("namespace"), text("name"))
    changed = text("message") != Action.UNCHANGED
    phase = text("syncPhase") or "Sync"
    return Result(
        target, text("version"), text("status"), text("message"), phase, text("hookType"), text("hookPhase"), changed
    )
