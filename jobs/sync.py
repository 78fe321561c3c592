"""A sync, step by step: apply wave after wave while each is healthy, prune, and end; or stop where it must wait.

What comes next is decided in core/progress.py; here it is carried out, and what came of it is gathered in `Work`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from jobs import apply, compare, prune
from jobs.compare import Compared
from jobs.core.affected import yet_to_look
from jobs.core.application import Application
from jobs.core.errors import PlanError, StageError
from jobs.core.guards import named
from jobs.core.progress import Apply, Fail, Finish, Next, Prune, Wait, hooks_to_delete, next_step, unsettled
from jobs.core.run import Run, applied, pruned
from jobs.parts import Parts

TOGETHER_S = 10.0
"""Longest wait of a prune for the other applications that the same push concerns, in seconds."""
MOVED_LIMIT = 4
"""How often a run looks again because objects changed under its hands, before it gives up for now."""


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

    @property
    def compared(self) -> Compared:
        """For those who come after the comparison."""
        assert self.seen is not None
        return self.seen


async def sync(work: Work, parts: Parts) -> None:
    """Apply wave after wave while each is healthy, prune, and end; or stop where it must wait."""
    moved = 0
    while True:
        work.run = work.run.with_results(unsettled(work.compared.plan, work.run))
        step = _after_others(next_step(work.compared.plan, work.run), work, parts)
        if isinstance(step, Finish):
            await _clean_hooks(work)
            work.run = work.run.succeeded(f"synced to {work.compared.where}", parts.now())
            return
        if isinstance(step, Fail):
            raise await _failed(step.message, work)
        if isinstance(step, Wait):
            compare.require_in_time(work.run, work.compared, step.message, parts)
            work.run = work.run.waiting(step.message)
            return
        before = len(work.run.results)
        again = await _STEPS[type(step)](step, work)
        compare.learn(work.compared.plan, work.compared.kube, parts)
        work.seen = await compare.judge(work.compared, parts)  # what was applied is in another state now
        moved += again and len(work.run.results) == before
        if moved >= MOVED_LIMIT:
            said = "objects keep changing while they are applied: who else writes them?"
            compare.require_in_time(work.run, work.compared, said, parts)
            if work.run.heal:
                raise PlanError(said)  # the next sweep sees it again
            work.run = work.run.waiting(said)
            return
        if again:
            work.seen = await compare.again(work.compared, work.run, parts)
            work.compared.plan.require_clean(applied=len(work.run.changed_ids))


def _after_others(step: Next, work: Work, parts: Parts) -> Next:
    """Pruning waits a while for those that the same push concerns: one may want what this application gives up."""
    deletes = isinstance(step, Prune) and not all(removal.kept or removal.released for removal in step.removals)
    if not deletes or parts.now().since(work.run.started_at) > TOGETHER_S:
        return step
    others = [parts.view.get(key) for key in work.together if key != work.application.key]
    behind = yet_to_look(filter(None, others), work.run.aim)
    return Wait((), f"pruning waits until {named(behind)} looked at the same push") if behind else step


async def _apply(step: Next, work: Work) -> bool:
    assert isinstance(step, Apply)
    done = await apply.apply(step.changes, work.compared.kube, operation=work.run.id)
    written = [change for change in step.changes if change.id in done]
    work.run = work.run.with_results(applied(written, waits=not work.run.heal))
    work.seen = work.compared.applied(done)
    if done.failures:
        said = "; ".join(f"{target}: {error.message}" for target, error in done.failures.items())
        raise PlanError(f"the cluster refused {said}. Applied before: {len(work.run.changed_ids)} objects")
    return step.look_again or bool(done.moved)


async def _prune(step: Next, work: Work) -> bool:
    assert isinstance(step, Prune)
    compared, propagation = work.compared, work.application.policy.option("PrunePropagationPolicy")
    problems = await prune.prune(step.removals, compared.kube, compared.rules.owner, propagation)
    work.run = work.run.with_results(pruned(step.removals, problems))
    if problems:
        said = "; ".join(f"{target}: {problem}" for target, problem in problems.items())
        raise PlanError(f"not everything could be pruned: {said}")
    work.seen = compared.pruned(step.removals)
    return step.look_again


_Step = Callable[[Next, Work], Awaitable[bool]]
"""Carries a step out; whether the cluster must be looked at again before the next."""
_STEPS: dict[type, _Step] = {Apply: _apply, Prune: _prune}


async def _failed(message: str, work: Work) -> StageError:
    """A wave or hook went wrong: hooks for that case run, and those whose policy says so go."""
    await _clean_hooks(work)
    hooks = [change for change in work.compared.failure_hooks if not work.run.heal]
    done = await apply.apply(hooks, work.compared.kube, operation=work.run.id)
    ran = f"; SyncFail hooks run: {len(done)}" if hooks else ""
    return PlanError(f"{message}{ran}. Applied: {len(work.run.changed_ids)} objects")


async def _clean_hooks(work: Work) -> None:
    for change in hooks_to_delete(work.compared.plan, work.run):
        await apply.delete_hook(change, work.compared.kube)
