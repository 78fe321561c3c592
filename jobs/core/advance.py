"""One turn of a sync: what is known now, the next step, and whether it may be taken: deadlines, and an orderly end.

A sync that fails is not over at once: it is written down that it failed, its hooks are terminated, SyncFail hooks run,
and hooks go by their policy. The steps of a sync itself: progress.py.
"""

from dataclasses import dataclass, replace

from jobs.core.deadline import Limits
from jobs.core.moment import Moment
from jobs.core.order import Phase
from jobs.core.plan import Change, Plan
from jobs.core.progress import Fail, Finish, Next, Terminate, Wait, next_step, own_running
from jobs.core.run import Run
from jobs.core.settle import hooks_to_delete, unsettled


@dataclass(frozen=True, slots=True)
class Clean:
    """Delete hooks that ended, as their policy says. How they ended must be written down first: then they may go."""

    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Note:
    """Write down how far the run came, before something is done that it must not begin twice."""


Step = Next | Clean | Note


def advance(todo: Plan, run: Run, limits: Limits, at: Moment) -> tuple[Run, Step]:
    """The run with all that is known, and what to do with it next."""
    run = run.with_results(unsettled(todo, run))
    return bounded(_next(todo, run), todo, replace(run, fault=""), limits, at)


def bounded(step: Next, todo: Plan, run: Run, limits: Limits, at: Moment) -> tuple[Run, Step]:
    """A step with its deadline, and with what must come before it."""
    if isinstance(step, Wait):
        run = run.waiting(step.message, step.phase, at)
        late = limits.overdue(todo, run, at, step.message)
        step = _late(late, todo, run) if late else step
    if isinstance(step, Fail) and not step.last:
        if _is_over(todo, run):
            step = replace(step, last=True)
        else:
            return run.ending(step.message), Note()
    if isinstance(step, Fail | Finish) and (ended := hooks_to_delete(todo, run)):
        return run, Clean(ended)
    return run, step


def _next(todo: Plan, run: Run) -> Next:
    """What went wrong outside of the plan comes first."""
    if run.failing:
        return Fail(f"{run.failing}; {run.fault}", last=True) if run.fault else next_step(todo, run)
    if run.fault:
        return Fail(run.fault)
    if todo.refusals:
        return Fail(todo.refused(applied=len(run.changed_ids)))
    return next_step(todo, run)


def _late(late: str, todo: Plan, run: Run) -> Next:
    """The end of a wait. For a sync that is being ended already it is the last: what still runs is told to go."""
    if not run.failing:
        return Fail(late)
    due = tuple(hook for hook in own_running(todo, run) if not hook.leaving)
    return Terminate(due, late) if due else Fail(f"{run.failing}; {late}", last=True)


def _is_over(todo: Plan, run: Run) -> bool:
    """Whether a sync that failed has nothing to end: nothing was begun, or no hook has a part in it."""
    if run.heal or not run.results:
        return True
    rescued = any(change.phase is Phase.SYNC_FAIL for change in todo.changes)
    return not (rescued or own_running(todo, run) or hooks_to_delete(todo, run))
