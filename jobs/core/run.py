"""A run: one application taken towards one revision, as far as it came. Time comes in as an argument, results add up.

A run outlives a claim: what must survive lies in `.status.operationState`, and the next claim resumes from there.
How a run is written down: status.py. What it does next: progress.py.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from jobs.core.application import RUN, Application
from jobs.core.errors import StageError
from jobs.core.moment import Moment, moment_of
from jobs.core.objects import ObjectId
from jobs.core.plan import Action, Change, Plan, Removal

SYNCED, SYNC_FAILED, PRUNED, PRUNE_SKIPPED = "Synced", "SyncFailed", "Pruned", "PruneSkipped"
"""Argo CD's result codes of one object."""
NO_NAME = re.compile("[^a-z0-9]")
"""What a revision may hold (a chart's version) and the name of an object may not."""


class OperationPhase(StrEnum):
    """How a sync stands."""

    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    ERROR = "Error"


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


@dataclass(frozen=True, slots=True)
class Aim:
    """Where a run wants to get: what the sources resolve to now."""

    revisions: tuple[str, ...]
    """One full commit id for each source."""
    key: str
    """The source key of all that rendering reads."""


@dataclass(frozen=True, slots=True)
class Run:
    """One sync operation, or only a look."""

    id: str
    """Of the operation, `<start of its revision>-<token>`; the same over all its claims. Hooks carry it."""
    token: str
    """Of this claim: the status is only written while nobody else wrote since."""
    aim: Aim
    started_at: Moment
    operation: Mapping[str, Any]
    """As in `.operation`: what was asked for, and by whom."""
    resumed: bool
    """Whether an earlier claim began it."""
    requested: bool
    """Whether somebody asked for it by `.operation`."""
    supersedes: bool = False
    """Whether another operation was under way, towards something that is no longer wanted."""
    under_way: str = ""
    """Key of the operation that goes on although this claim has no aim: it failed before it had one."""
    phase: OperationPhase | None = None
    """None: nothing was synced, it was only looked."""
    message: str = ""
    finished_at: Moment | None = None
    results: Mapping[tuple[ObjectId, str], Result] = field(default_factory=dict)
    error: StageError | None = None
    heal: bool = False
    """Whether it only puts back what somebody else changed."""
    retry_count: int = 0

    @property
    def annotation(self) -> str:
        """The value of `pilothouse.dev/run`: the operation, the claim that wrote last, and the key it goes towards."""
        return f"{self.id}.{self.token}.{self.aim.key or self.under_way}"

    @property
    def named_after(self) -> str:
        """The first signs of the revision it began with, for the names of its hooks; `none` when it had none."""
        return self.id.partition("-")[0] if "-" in self.id else "none"

    @property
    def automated(self) -> bool:
        """Whether Pilothouse began it by itself."""
        by = self.operation.get("initiatedBy")
        return isinstance(by, Mapping) and bool(by.get("automated"))

    @property
    def sync_options(self) -> Mapping[str, Any]:
        """`operation.sync`: revision, prune, dryRun, resources."""
        found = self.operation.get("sync")
        return found if isinstance(found, Mapping) else {}

    @property
    def whole(self) -> bool:
        """Whether all objects are meant, and in earnest: neither a selection nor a dry run."""
        return not self.selects and self.sync_options.get("dryRun") is not True

    @property
    def selects(self) -> bool:
        """Whether only some objects are meant: nothing can be said of the others."""
        return bool(self.sync_options.get("resources"))

    @property
    def changed_ids(self) -> frozenset[ObjectId]:
        """Objects that this run wrote."""
        return frozenset(result.id for result in self.results.values() if result.changed and not result.hook_type)

    def begun(self, *, heal: bool) -> "Run":
        """The run as a sync: from now on objects may be written."""
        return replace(self, phase=OperationPhase.RUNNING, heal=heal)

    def with_results(self, results: Iterable[Result]) -> "Run":
        """The run with more results; a later one of an object replaces the earlier."""
        return replace(self, results={**self.results, **{result.key: result for result in results}})

    def succeeded(self, message: str, at: Moment) -> "Run":
        """It did all it should."""
        return replace(self, phase=OperationPhase.SUCCEEDED, message=message, finished_at=at)

    def failed(self, error: StageError, at: Moment) -> "Run":
        """It can't go on. Only a run that was begun has an operation that failed; a look has just an error."""
        phase = OperationPhase.FAILED if self.phase or self.requested or self.resumed else None
        return replace(self, phase=phase, message=error.message, finished_at=at, error=error)

    def waiting(self, message: str) -> "Run":
        """It lets go until health may have changed."""
        return replace(self, message=message)


def resumed(application: Application, aim: Aim, token: str, at: Moment) -> Run:
    """The run that a claim works on: what was asked for, else the one that runs already, else a new one.

    A running operation towards another key is superseded: a newer commit simply wins. One that a person asked for
    goes on towards it; a newer commit that changes nothing of what is rendered interrupts nobody.
    """
    asked = application.operation
    if asked is not None and asked.get("sync") is not None:
        return Run(_operation_id(aim, token), token, aim, at, asked, resumed=False, requested=True)
    state = application.status.get("operationState") or {}
    operation_id = application.annotations.get(RUN, "").partition(".")[0]
    running = running_key(application)
    if running and running == aim.key:
        return Run(
            operation_id,
            token,
            aim,
            moment_of(state.get("startedAt")) or at,
            state.get("operation") or {},
            resumed=True,
            requested=False,
            phase=OperationPhase.RUNNING,
            results=_results(state),
            retry_count=_count(state.get("retryCount")),
        )
    operation = {"initiatedBy": {"automated": True}, "sync": {"revision": aim.revisions[0] if aim.revisions else ""}}
    former = state.get("operation") or {}
    if running and not (former.get("initiatedBy") or {}).get("automated"):
        operation = former
    run = Run(
        _operation_id(aim, token), token, aim, at, operation, resumed=False, requested=False, supersedes=bool(running)
    )
    return run if aim.key else replace(run, id=operation_id or token, supersedes=False, under_way=running)


def _operation_id(aim: Aim, token: str) -> str:
    """A new operation's id. It begins with the revision, so that the names of hooks survive with the annotation."""
    revision = NO_NAME.sub("", aim.revisions[0][:7].lower()) if aim.revisions else ""
    return f"{revision}-{token}" if revision else token


def running_key(application: Application) -> str:
    """The source key that the operation under way goes towards; empty: there is none."""
    running = (application.status.get("operationState") or {}).get("phase") == OperationPhase.RUNNING
    return application.annotations.get(RUN, "").rpartition(".")[2] if running else ""


def applied(changes: Iterable[Change], *, waits: bool) -> list[Result]:
    """Results of changes that were written. waits: whether the sync goes on only when they are healthy."""
    return [
        Result(
            change.id,
            change.manifest.version,
            "" if change.hook else SYNCED,
            str(change.action),
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


def refused(todo: Plan) -> list[Result]:
    """Results of objects that a refusal names, for the status."""
    refusals = todo.refusals
    return [
        Result(change.id, change.manifest.version, SYNC_FAILED, said, str(change.phase), changed=False)
        for change in todo.changes
        for said in refusals
        if said.startswith(f"{change.id}: ")
    ]


def _results(state: Mapping[str, Any]) -> dict[tuple[ObjectId, str], Result]:
    """What earlier claims of the operation did, from its status; anything unreadable is left out."""
    found: dict[tuple[ObjectId, str], Result] = {}
    for entry in (state.get("syncResult") or {}).get("resources") or []:
        if isinstance(entry, Mapping):
            result = _result(entry)
            found[result.key] = result
    return found


def _result(entry: Mapping[str, Any]) -> Result:
    def text(name: str) -> str:
        return str(entry.get(name) or "")

    target = ObjectId(text("group"), text("kind"), text("namespace"), text("name"))
    changed = text("message") != Action.UNCHANGED
    phase = text("syncPhase") or "Sync"
    return Result(
        target, text("version"), text("status"), text("message"), phase, text("hookType"), text("hookPhase"), changed
    )


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
