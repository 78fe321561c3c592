"""A run: one application taken towards one revision, as far as it came. Time comes in as an argument, results add up.

A run outlives a claim: what must survive lies in `.status.operationState`, and the next claim resumes from there.
How a run is written down: status.py. What it does next: progress.py.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from jobs.core.application import PHASE, RUN, Application
from jobs.core.errors import StageError, WindowClosed, shortened
from jobs.core.moment import Moment, moment_of
from jobs.core.objects import ObjectId
from jobs.core.order import Phase
from jobs.core.results import Result, results_of

NOT_LISTED = "Synced and Healthy objects are not listed: too many"
"""Said at the end of a message when the status would have been too long."""
FAILING = "failed, and is being ended: "
"""Begins the message of an operation that failed and is not over yet; by it the next claim knows."""
NO_NAME = re.compile("[^a-z0-9]")
"""What a revision may hold (a chart's version) and the name of an object may not."""


HEALS = {"name": "Reason", "value": "drift"}
"""Entry of an operation's `info` that says that it only puts back what somebody else changed."""


class OperationPhase(StrEnum):
    """How a sync stands."""

    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    ERROR = "Error"


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
    held: WindowClosed | None = None
    """Why a sync that nobody asked for was not begun, although there is something to do."""
    failing: str = ""
    """Why the sync failed, while what belongs to its end is still done (SyncFail hooks); empty: it did not fail."""
    fault: str = ""
    """What went wrong in the step that was just done. Not written down."""
    waits_in: str = ""
    """The phase in which it waits; empty: it did not wait yet."""
    waits_since: Moment | None = None
    """When it began to wait in that phase."""

    @property
    def annotation(self) -> str:
        """The value of `pilothouse.dev/run`: the operation, the claim that wrote last, and the key it goes towards."""
        return f"{self.id}.{self.token}.{self.aim.key or self.under_way}"

    @property
    def named_after(self) -> str:
        """The first signs of the revision it began with, for the names of its hooks; `none` when it had none."""
        return self.id.partition("-")[0] if "-" in self.id else "none"

    @property
    def phase_annotation(self) -> str | None:
        """The value of `pilothouse.dev/phase`; None: it waits for nothing."""
        return f"{self.waits_in} {self.waits_since}" if self.waits_in else None

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
        """The run as a sync: from now on objects may be written. A heal is noted, since it may have to wait."""
        operation = {**self.operation, "info": [HEALS]} if heal else self.operation
        return replace(self, phase=OperationPhase.RUNNING, heal=heal, operation=operation)

    def with_results(self, results: Iterable[Result]) -> "Run":
        """The run with more results; a later one of an object replaces the earlier."""
        return replace(self, results={**self.results, **{result.key: result for result in results}})

    def succeeded(self, message: str, at: Moment) -> "Run":
        """It did all it should."""
        return replace(self, phase=OperationPhase.SUCCEEDED, message=message, finished_at=at, waits_in="")

    def failed(self, error: StageError, at: Moment) -> "Run":
        """It can't go on. Only a run that was begun has an operation that failed; a look has just an error."""
        phase = OperationPhase.FAILED if self.phase or self.requested or self.resumed else None
        return replace(self, phase=phase, message=error.message, finished_at=at, error=error, waits_in="")

    def waiting(self, message: str, phase: Phase, at: Moment) -> "Run":
        """It lets go until something may have changed. The time of a phase begins when it is first waited for."""
        since = self.waits_since if self.waits_in == phase else at
        said = self.message if self.failing else message
        return replace(self, message=said, waits_in=str(phase), waits_since=since)

    def held_back(self, closed: WindowClosed) -> "Run":
        """It only looked, since a sync window is closed."""
        return replace(self, held=closed)

    def ending(self, why: str) -> "Run":
        """It failed, and does what belongs to that before it ends."""
        return replace(self, failing=shortened(why), message=f"{FAILING}{shortened(why)}", fault="")


def resumed(application: Application, aim: Aim, token: str, at: Moment) -> Run:
    """The run that a claim works on: what was asked for, else the one that runs already, else a new one.

    A running operation towards another key is superseded: a newer commit simply wins. One that a person asked for
    goes on towards it; a newer commit that changes nothing of what is rendered interrupts nobody.
    """
    asked, running = application.operation, running_key(application)
    if asked is not None and asked.get("sync") is not None:
        new = _operation_id(aim, token)
        return Run(new, token, aim, at, asked, resumed=False, requested=True, supersedes=bool(running))
    state = application.status.get("operationState") or {}
    operation_id = application.annotations.get(RUN, "").partition(".")[0]
    if running and running == aim.key:
        waits_in, _, since = application.annotations.get(PHASE, "").partition(" ")
        run = Run(
            operation_id,
            token,
            aim,
            moment_of(state.get("startedAt")) or at,
            state.get("operation") or {},
            resumed=True,
            requested=False,
            phase=OperationPhase.RUNNING,
            results=results_of(state),
            heal=_heals(state.get("operation") or {}),
            retry_count=_count(state.get("retryCount")),
            waits_in=waits_in,
            waits_since=moment_of(since) or at,
        )
        failing = _failing(state)
        return run.ending(failing) if failing else run
    operation = {"initiatedBy": {"automated": True}, "sync": {"revision": aim.revisions[0] if aim.revisions else ""}}
    former = state.get("operation") or {}
    if running and not (former.get("initiatedBy") or {}).get("automated"):
        operation = former
    run = Run(
        _operation_id(aim, token), token, aim, at, operation, resumed=False, requested=False, supersedes=bool(running)
    )
    return run if aim.key else replace(run, id=operation_id or token, supersedes=False, under_way=running)


def _heals(operation: Mapping[str, Any]) -> bool:
    """Whether a running operation only puts back what somebody else changed: then it goes on as what it was."""
    automated = (operation.get("initiatedBy") or {}).get("automated")
    return bool(automated) and HEALS in (operation.get("info") or ())


def _operation_id(aim: Aim, token: str) -> str:
    """A new operation's id. It begins with the revision, so that the names of hooks survive with the annotation."""
    revision = NO_NAME.sub("", aim.revisions[0][:7].lower()) if aim.revisions else ""
    return f"{revision}-{token}" if revision else token


def running_key(application: Application) -> str:
    """The source key that the operation under way goes towards; empty: there is none."""
    running = (application.status.get("operationState") or {}).get("phase") == OperationPhase.RUNNING
    return application.annotations.get(RUN, "").rpartition(".")[2] if running else ""


def _failing(state: Mapping[str, Any]) -> str:
    message = re.sub(rf" \(\d+ {NOT_LISTED}\)$", "", str(state.get("message") or ""))
    return message.removeprefix(FAILING) if message.startswith(FAILING) else ""


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
