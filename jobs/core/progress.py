"""What a sync does next, from its plan and what it did so far: apply, wait, prune, end. So it resumes anywhere.

A step is applied only when all before it is healthy; pruning comes after the Sync phase is healthy, before PostSync;
the sync ends when what it changed is healthy (https://argo-cd.readthedocs.io/en/stable/user-guide/sync-waves/).
Deadlines, and what is done before a sync may end: advance.py.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby

from jobs.core.guards import named
from jobs.core.health import HealthStatus, matters
from jobs.core.hooks import LiveHook, is_leaving
from jobs.core.objects import ObjectId
from jobs.core.order import Phase
from jobs.core.plan import Action, Change, Plan, Removal
from jobs.core.results import PRUNED
from jobs.core.run import Run
from jobs.core.settle import health_of


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
class Terminate:
    """Delete hooks that nobody waits for any more, with their pods."""

    hooks: tuple[LiveHook, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Let go; something must change first."""

    ids: tuple[ObjectId, ...]
    message: str
    phase: Phase = Phase.SYNC
    """Whose deadline ends the wait."""


@dataclass(frozen=True, slots=True)
class Fail:
    """End as failed."""

    message: str
    last: bool = False
    """Whether nothing is left to do for a sync that failed."""


@dataclass(frozen=True, slots=True)
class Finish:
    """End as succeeded."""


Next = Apply | Prune | Terminate | Wait | Fail | Finish


@dataclass(frozen=True, slots=True)
class _Stand:
    """How the objects before some point of the plan are."""

    waiting: tuple[Change, ...] = ()
    broken: tuple[str, ...] = ()

    def with_change(self, change: Change, run: Run) -> "_Stand":
        health = health_of(change, run)
        if health is None or health.status is HealthStatus.HEALTHY or not matters(change.id, health):
            return self
        if health.status is HealthStatus.DEGRADED:
            return replace(self, broken=(*self.broken, f"{change.id}: {health.message or 'is Degraded'}"))
        if health.status is HealthStatus.SUSPENDED and not change.hook:
            return self  # somebody paused it on purpose
        return replace(self, waiting=(*self.waiting, change))

    def blocks(self) -> Wait | Fail | None:
        if self.broken:
            # Hooks beside a broken one go on to their end: half a migration helps nobody.
            hooks = tuple(change for change in self.waiting if change.hook)
            said = "; ".join(self.broken)
            return _wait(hooks, f"waiting for hooks before this ends as failed ({said})") if hooks else Fail(said)
        return _wait(self.waiting, "waiting for the health") if self.waiting else None


def _wait(changes: tuple[Change, ...], why: str) -> Wait:
    ids = tuple(change.id for change in changes)
    return Wait(ids, f"{why} of {named(tuple(map(str, ids)))}", changes[-1].phase)


def next_step(todo: Plan, run: Run) -> Next:
    """The next thing to do for this run. A heal only puts objects back: it waits for no health and runs no hooks."""
    if run.heal:
        return _heal(todo, run)
    if run.failing:
        return _after_failure(todo, run)
    return end_former(todo, run) or _forwards(todo, run)


def end_former(todo: Plan, run: Run) -> Terminate | Wait | None:
    """Nothing is begun while hooks of an earlier sync still run: it was superseded, or its worker was killed."""
    former = [hook for hook in todo.hooks if hook.operation != run.id]
    due = tuple(hook for hook in former if not hook.leaving and (hook.runs or hook.goes))
    if due:
        return Terminate(due, "another sync began")
    ids = tuple(hook.id for hook in former if hook.runs)
    said = f"waiting until hooks of an earlier sync are gone: {named(tuple(map(str, ids)))}"
    return Wait(ids, said, _first_phase(todo)) if ids else None


def _forwards(todo: Plan, run: Run) -> Next:
    before, pruned_yet = _Stand(), False
    for phase, step in _steps(_of_sync(todo)):
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


def _after_failure(todo: Plan, run: Run) -> Next:
    """What a failed sync still does: its running hooks are terminated, then its SyncFail hooks run."""
    running = [hook for hook in own_running(todo, run) if hook.phase != Phase.SYNC_FAIL]
    due = tuple(hook for hook in running if not hook.leaving)
    if due:
        return Terminate(due, run.failing)
    if running:
        ids = tuple(hook.id for hook in running)
        said = f"waiting until terminated hooks are gone: {named(tuple(map(str, ids)))}"
        return Wait(ids, said, Phase.SYNC_FAIL)
    before = _Stand()
    for _, step in _steps(change for change in todo.changes if change.phase is Phase.SYNC_FAIL):
        open_changes = tuple(change for change in step if _is_open(change, run))
        if open_changes:
            pending = before.blocks() or _apply(open_changes, todo, run)
            break
        for change in step:
            before = before.with_change(change, run)
    else:
        pending = before.blocks() or Fail("")
    if not isinstance(pending, Fail):
        return pending
    also = f"; so did its SyncFail hooks: {pending.message}" if pending.message else ""
    return Fail(f"{run.failing}{also}", last=True)


def own_running(todo: Plan, run: Run) -> tuple[LiveHook, ...]:
    """Hooks of this very operation that did not end yet."""
    return tuple(hook for hook in todo.hooks if hook.operation == run.id and hook.runs)


def _of_sync(todo: Plan) -> Iterator[Change]:
    return (change for change in todo.changes if change.phase is not Phase.SYNC_FAIL)


def _first_phase(todo: Plan) -> Phase:
    return todo.changes[0].phase if todo.changes else Phase.SYNC


def _steps(changes: Iterable[Change]) -> Iterator[tuple[Phase, tuple[Change, ...]]]:
    for (phase, _), group in groupby(changes, key=lambda change: (change.phase, change.wave)):
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
    first = tuple(item for item in _due(todo, run) if item.id in in_the_way)
    if first:
        return Prune(first, look_again=True)
    return _wait_for(changes)


def _wait_for(changes: tuple[Change, ...]) -> Wait:
    reasons = "; ".join(f"{change.id}: {change.deferred}" for change in changes)
    return Wait(tuple(change.id for change in changes), f"waiting: {reasons}", changes[0].phase)


def _before_prune(todo: Plan, run: Run, before: _Stand) -> Next | None:
    """Prune once what the run changed is healthy; a degraded object withholds it."""
    changed = run.changed_ids
    stand = _Stand()
    for change in _of_sync(todo):
        waits = change.phase is not Phase.POST_SYNC if change.hook else change.id in changed
        if waits:
            stand = stand.with_change(change, run)
    due = _due(todo, run)
    pending = stand.blocks() or (before.blocks() if _later_hooks(todo, run) else None)
    if isinstance(pending, Fail) and due:
        return Fail(f"{pending.message}. Not pruned therefore: {named(tuple(str(item.id) for item in due))}")
    return pending or _prune(due, todo, run)


def _prune(due: tuple[Removal, ...], todo: Plan, run: Run) -> Next | None:
    """The next wave of removals: a wave is gone, whoever deleted it, before an earlier one begins to go."""
    behind = due[0].wave if due else None
    going = dict.fromkeys(
        item.id
        for item in (*todo.leaving, *todo.removals)
        if _was_pruned(item.id, run) or (item in todo.leaving and behind is not None and item.wave > behind)
    )
    if going:
        return Wait(tuple(going), f"waiting until pruned objects are gone: {named(tuple(map(str, going)))}")
    return Prune(tuple(item for item in due if item.wave == behind)) if due else None


def _due(todo: Plan, run: Run) -> tuple[Removal, ...]:
    return tuple(item for item in todo.removals if (item.id, "Sync") not in run.results)


def _was_pruned(target: ObjectId, run: Run) -> bool:
    result = run.results.get((target, "Sync"))
    return result is not None and result.status == PRUNED


def _later_hooks(todo: Plan, run: Run) -> bool:
    return any(change.phase is Phase.POST_SYNC and _is_open(change, run) for change in todo.changes)


def _end(todo: Plan, run: Run) -> Next:
    stand = _Stand()
    for change in _of_sync(todo):
        if change.hook:
            stand = stand.with_change(change, run)
    return stand.blocks() or Finish()


def _heal(todo: Plan, run: Run) -> Next:
    open_changes = tuple(change for change in todo.drifted if not change.deferred)
    # Who waits until an object is gone is told by the watch; what a Namespace or a CRD brings along, nobody tells.
    waiting = tuple(change for change in todo.drifted if change.deferred and not is_leaving(change.live or {}))
    if open_changes:
        return Apply(open_changes, look_again=bool(waiting))
    due = _due(todo, run)
    if due:
        return Prune(due, look_again=bool(waiting))
    return _wait_for(waiting) if waiting else Finish()
