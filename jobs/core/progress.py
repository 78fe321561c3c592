"""What a sync does next, from its plan and what it did so far: apply, wait, prune, end. So it resumes anywhere.

A step is applied only when all before it is healthy; pruning comes after the Sync phase is healthy, before PostSync;
the sync ends when what it changed is healthy (https://argo-cd.readthedocs.io/en/stable/user-guide/sync-waves/).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby

from jobs.core.guards import named
from jobs.core.health import Health, HealthStatus, assess, matters
from jobs.core.objects import ObjectId
from jobs.core.order import DeletePolicy, Phase
from jobs.core.plan import Action, Change, Plan, Removal, expires
from jobs.core.run import Result, Run

EXPIRED = "gone by its time to live before its end was seen"
"""Said of a Job whose `ttlSecondsAfterFinished` is so short that nobody can tell how it ended."""


@dataclass(frozen=True, slots=True)
class Apply:
    """Write these objects, all of one step, in this order."""

    changes: tuple[Change, ...]
    look_again: bool
    """Whether something later could not be judged before these are there."""


@dataclass(frozen=True, slots=True)
class Prune:
    """Delete these objects, in this order."""

    removals: tuple[Removal, ...]
    look_again: bool = False
    """Whether something could not be judged while these were there."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Let go; health must change first."""

    ids: tuple[ObjectId, ...]
    message: str


@dataclass(frozen=True, slots=True)
class Fail:
    """End as failed."""

    message: str


@dataclass(frozen=True, slots=True)
class Finish:
    """End as succeeded."""


Next = Apply | Prune | Wait | Fail | Finish


@dataclass(frozen=True, slots=True)
class _Stand:
    """How the objects before some point of the plan are."""

    waiting: tuple[ObjectId, ...] = ()
    broken: tuple[str, ...] = ()

    def with_change(self, change: Change, run: Run) -> "_Stand":
        health = health_of(change, run)
        if health is None or health.status is HealthStatus.HEALTHY or not matters(change.id, health):
            return self
        if health.status is HealthStatus.DEGRADED:
            return replace(self, broken=(*self.broken, f"{change.id}: {health.message or 'is Degraded'}"))
        if health.status is HealthStatus.SUSPENDED and not change.hook:
            return self  # somebody paused it on purpose
        return replace(self, waiting=(*self.waiting, change.id))

    def blocks(self) -> Next | None:
        if self.broken:
            return Fail("; ".join(self.broken))
        if self.waiting:
            return Wait(self.waiting, f"waiting for the health of {named(tuple(map(str, self.waiting)))}")
        return None


def next_step(todo: Plan, run: Run) -> Next:
    """The next thing to do for this run. A heal only puts objects back: it neither waits nor runs hooks."""
    if run.heal:
        return _heal(todo, run)
    before, pruned_yet = _Stand(), False
    for phase, step in _steps(todo):
        if phase is Phase.POST_SYNC and not pruned_yet:
            pruned_yet = True
            pending = _before_prune(todo, run, before)
            if pending:
                return pending
        open_changes = tuple(change for change in step if _is_open(change, run))
        if open_changes:
            return before.blocks() or _apply(open_changes, todo, run)
        for change in step:
            before = before.with_change(change, run)
    return _before_prune(todo, run, before) or _end(todo, run)


def unsettled(todo: Plan, run: Run) -> tuple[Result, ...]:
    """Results whose wait is over, with how it ended: for hooks and for objects the run changed."""
    found = []
    for change in todo.changes:
        result = run.results.get((change.id, str(change.phase)))
        if result is None or result.hook_phase != "Running":
            continue
        health = health_of(change, run)
        if health is None or health.status is HealthStatus.HEALTHY or not matters(change.id, health):
            message = result.message if change.live else f"{result.message}, {EXPIRED}"
            found.append(replace(result, hook_phase="Succeeded", message=message))
        elif health.status is HealthStatus.DEGRADED:
            found.append(replace(result, hook_phase="Failed", message=health.message or result.message))
    return tuple(found)


def hooks_to_delete(todo: Plan, run: Run) -> tuple[Change, ...]:
    """Hooks whose delete policy says that they go now."""
    policies = {"Succeeded": DeletePolicy.HOOK_SUCCEEDED, "Failed": DeletePolicy.HOOK_FAILED}
    found = []
    for change in todo.changes:
        result = run.results.get((change.id, str(change.phase)))
        policy = policies.get(result.hook_phase) if result and change.hook and change.live else None
        if policy and change.hook and policy in change.hook.delete_policies:
            found.append(change)
    return tuple(found)


def health_of(change: Change, run: Run) -> Health | None:
    """The health of an object as the sync sees it: a hook that is done counts as it ended, whatever is there now."""
    result = run.results.get((change.id, str(change.phase)))
    if change.hook and result and result.hook_phase == "Succeeded":
        return None
    if change.hook and result and result.hook_phase == "Failed":
        return Health(HealthStatus.DEGRADED, result.message)
    if change.live is None and expires(change.manifest) and (result or change.action is Action.UNCHANGED):
        return None  # a Job that ran and went by its time to live
    if change.live is None:
        return Health(HealthStatus.MISSING, "is gone")
    return assess(change.live)


def _steps(todo: Plan) -> Iterator[tuple[Phase, tuple[Change, ...]]]:
    for (phase, _), group in groupby(todo.changes, key=lambda change: (change.phase, change.wave)):
        yield phase, tuple(group)


def _is_open(change: Change, run: Run) -> bool:
    """Whether the change is still to be made. A hook that this run has run is never run again."""
    if change.hook:
        return change.action is not Action.UNCHANGED and (change.id, str(change.phase)) not in run.results
    return change.action is not Action.UNCHANGED


def _apply(changes: tuple[Change, ...], todo: Plan, run: Run) -> Next:
    clean = tuple(change for change in changes if not change.deferred)
    if clean:
        return Apply(clean, look_again=any(change.deferred for change in todo.changes))
    in_the_way = {change.clashes_with for change in changes}
    first = tuple(item for item in todo.removals if item.id in in_the_way and (item.id, "Sync") not in run.results)
    if first:
        return Prune(first, look_again=True)
    reasons = "; ".join(f"{change.id}: {change.deferred}" for change in changes)
    return Wait(tuple(change.id for change in changes), f"waiting: {reasons}")


def _before_prune(todo: Plan, run: Run, before: _Stand) -> Next | None:
    """Prune once what the run changed is healthy; a degraded object withholds it."""
    changed = run.changed_ids
    stand = _Stand()
    for change in todo.changes:
        waits = change.phase is not Phase.POST_SYNC if change.hook else change.id in changed
        if waits:
            stand = stand.with_change(change, run)
    due = tuple(item for item in todo.removals if (item.id, "Sync") not in run.results)
    pending = stand.blocks() or (before.blocks() if _later_hooks(todo, run) else None)
    if isinstance(pending, Fail) and due:
        return Fail(f"{pending.message}. Not pruned therefore: {named(tuple(str(item.id) for item in due))}")
    return pending or (Prune(due) if due else None)


def _later_hooks(todo: Plan, run: Run) -> bool:
    return any(change.phase is Phase.POST_SYNC and _is_open(change, run) for change in todo.changes)


def _end(todo: Plan, run: Run) -> Next:
    stand = _Stand()
    for change in todo.changes:
        if change.hook:
            stand = stand.with_change(change, run)
    return stand.blocks() or Finish()


def _heal(todo: Plan, run: Run) -> Next:
    open_changes = tuple(change for change in todo.drifted if not change.deferred)
    if open_changes:
        return Apply(open_changes, look_again=False)
    due = tuple(item for item in todo.removals if (item.id, "Sync") not in run.results)
    return Prune(due) if due else Finish()
