"""A sync, step by step: apply wave after wave while each is healthy, prune, and end; or stop where it must wait.

What comes next is decided in core/advance.py; here it is carried out, and what came of it is gathered in `Work`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from jobs import apply, compare, prune
from jobs.compare import Compared
from jobs.core.advance import Clean, Note, Step, advance, bounded
from jobs.core.affected import yet_to_look
from jobs.core.application import Application
from jobs.core.errors import PlanError
from jobs.core.guards import named
from jobs.core.progress import Apply, Fail, Finish, Prune, Terminate, Wait, end_former
from jobs.core.results import applied, pruned, terminated
from jobs.core.run import Run
from jobs.core.settle import adopted
from jobs.parts import Parts
from jobs.record import record_progress

TOGETHER_S = 10.0
"""Longest wait of a prune for the other applications that the same push concerns, in seconds."""
MOVED_LIMIT = 4
"""How often a run looks again because objects changed under its hands, before it gives up for now."""
MOVING = "objects keep changing while they are applied: who else writes them?"


@dataclass(slots=True)
class Work:
    """How far a claim came. It changes on the way, so that a failure is told with all that was done before it."""

    application: Application
    """As it was read, or as the start of the run was written on it."""
    run: Run
    seen: Compared | None = None
    """None: there is nothing to compare yet."""
    together: tuple[str, ...] = ()
    """Keys of the applications that the same push concerns."""
    crashed: bool = False
    """Whether a worker was killed at it: what it did before it could write so is not known."""

    @property
    def compared(self) -> Compared:
        """For those who come after the comparison."""
        assert self.seen is not None
        return self.seen


async def sync(work: Work, parts: Parts) -> None:
    """Take step after step until the run ends, or must wait. Raises PlanError when it ends as failed."""
    moved = 0
    if work.crashed and not work.run.heal:
        work.run = work.run.with_results(adopted(work.compared.plan, work.run))
    while True:
        step = _decided(work, parts, still=moved < MOVED_LIMIT)
        if isinstance(step, Finish):
            work.run = work.run.succeeded(f"synced to {work.compared.where}", parts.now())
        if isinstance(step, Finish | Wait):
            return
        before = len(work.run.results)
        again = await _STEPS[type(step)](step, work, parts)
        compare.learn(work.compared.plan, work.compared.kube, parts)
        work.seen = await compare.judge(work.compared, parts)  # what was applied is in another state now
        moved += again and len(work.run.results) == before
        if again:
            work.seen = await compare.again(work.compared, work.run, parts, fresh=isinstance(step, Terminate))


def _decided(work: Work, parts: Parts, *, still: bool) -> Step:
    """The next step. still: the cluster does not change faster than it is looked at. Raises PlanError at a bad end."""
    limits, at = work.compared.limits, parts.now()
    work.run, step = advance(work.compared.plan, work.run, limits, at)
    step = _after_others(step, work, parts)
    if not still and isinstance(step, Apply | Prune | Terminate):
        if work.run.heal:
            raise PlanError(MOVING)  # the next sweep sees it again
        work.run, step = bounded(Wait((), MOVING), work.compared.plan, work.run, limits, at)
    if isinstance(step, Fail):
        applied_before = "" if work.compared.plan.refusals else f". Applied before: {len(work.run.changed_ids)} objects"
        raise PlanError(f"{step.message}{applied_before}")
    return step


async def leave_former(work: Work) -> None:
    """A sync was under way that is no longer wanted, and nothing takes its place: its hooks are terminated."""
    former = end_former(work.compared.plan, work.run) if work.run.supersedes else None
    if isinstance(former, Terminate) and not work.compared.plan.refusals:
        await prune.terminate(former.hooks, work.compared.kube)


def _after_others(step: Step, work: Work, parts: Parts) -> Step:
    """Pruning waits a while for those that the same push concerns: one may want what this application gives up."""
    deletes = isinstance(step, Prune) and not all(removal.kept or removal.released for removal in step.removals)
    if not deletes or parts.now().since(work.run.started_at) > TOGETHER_S:
        return step
    others = [parts.view.get(key) for key in work.together if key != work.application.key]
    behind = yet_to_look(filter(None, others), work.run.aim)
    if not behind:
        return step
    said = f"pruning waits until {named(behind)} looked at the same push"
    work.run, waits = bounded(Wait((), said), work.compared.plan, work.run, work.compared.limits, parts.now())
    return waits


async def _apply(step: Apply, work: Work, parts: Parts) -> bool:
    done = await apply.apply(step.changes, work.compared.kube, operation=work.run.id)
    written = [change for change in step.changes if change.id in done]
    work.run = work.run.with_results(applied(written, waits=not work.run.heal))
    work.seen = work.compared.with_plan(work.compared.plan.applied(done))
    if done.failures:
        said = "; ".join(f"{target}: {error.message}" for target, error in done.failures.items())
        work.run = replace(work.run, fault=f"the cluster refused {said}")
        return False
    return step.look_again or bool(done.moved)


async def _prune(step: Prune, work: Work, parts: Parts) -> bool:
    compared, propagation = work.compared, work.application.policy.option("PrunePropagationPolicy")
    done = await prune.prune(step.removals, compared.kube, compared.rules.owner, propagation)
    work.run = work.run.with_results(pruned(step.removals, done.problems))
    work.seen = compared.with_plan(compared.plan.pruned(step.removals, done.leaving))
    if done.problems:
        said = "; ".join(f"{target}: {problem}" for target, problem in done.problems.items())
        work.run = replace(work.run, fault=f"not everything could be pruned: {said}")
        return False
    return step.look_again


async def _terminate(step: Terminate, work: Work, parts: Parts) -> bool:
    """Hooks of an earlier operation, or of this one when it failed. With their pods: a hook that goes on is none."""
    problems = await prune.terminate(step.hooks, work.compared.kube)
    work.run = work.run.with_results(terminated(step.hooks, work.run.id, step.why))
    if problems:
        said = "; ".join(f"{target}: {problem}" for target, problem in problems.items())
        work.run = replace(work.run, fault=f"hooks could not be terminated: {said}")
    return not problems


async def _clean(step: Clean, work: Work, parts: Parts) -> bool:
    """First it is written down how they ended: a worker that is killed now must not take them for lost."""
    await _note(step, work, parts)
    for change in step.changes:
        await apply.delete_hook(change, work.compared.kube)
    work.seen = work.compared.with_plan(work.compared.plan.cleaned(step.changes))
    return False


async def _note(step: Step, work: Work, parts: Parts) -> bool:
    work.application = await record_progress(work.application, work.run, work.compared, parts)
    return False


_STEPS: dict[type, Callable[[Any, Work, Parts], Awaitable[bool]]] = {
    Apply: _apply,
    Prune: _prune,
    Terminate: _terminate,
    Clean: _clean,
    Note: _note,
}
"""Carries a step out; whether the cluster must be looked at again before the next."""
