"""One application, from Git to the cluster: the flow, read top to bottom. This is the page to read first.

One claim is one step of a run: it goes as far as it can, and a run that must wait lets go (design.md, part 3). How each
stage works is in the file of its name; every decision is in core.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from jobs import apply, cascade, compare, prune, sources
from jobs.claim import Again, Claim
from jobs.compare import Compared
from jobs.core.affected import yet_to_look
from jobs.core.application import SKIP_RECONCILE, Application, application_of, unreadable
from jobs.core.errors import Conflict, InvalidSpecError, KubeError, LostClaim, NotFound, PlanError, StageError
from jobs.core.guards import named
from jobs.core.intent import Intent, intent
from jobs.core.outcome import later
from jobs.core.progress import Apply, Fail, Finish, Next, Prune, Wait, hooks_to_delete, next_step, unsettled
from jobs.core.run import Run, applied, pruned, refused, resumed
from jobs.parts import Parts
from jobs.record import measure_push, record, record_start

log = structlog.get_logger()

TOGETHER_S = 10.0
"""Longest wait of a prune for the other applications that the same push concerns, in seconds."""
MOVED_LIMIT = 4
"""How often a run looks again because objects changed under its hands, before it gives up for now."""
HOME_AWAY_S = 10.0
"""Seconds until an Application is tried again whose status could not be read or written."""


async def deploy_claim(claim: Claim, parts: Parts) -> Again | None:
    """Work on a claimed application; when to come back. LostClaim and bugs go up: then DONE is never said."""
    try:
        return await _claimed(claim, parts)
    except (Conflict, NotFound):
        # Somebody else wrote the status, or the Application is gone: whoever looks next knows better.
        return Again(why="retry")
    except KubeError as error:
        # Nowhere to read the Application from or to tell of it: what was done is found again by the next comparison.
        log.warning("the home cluster does not take the run", application=claim.key, error=error.message)
        wait_s = error.retry_after_s or HOME_AWAY_S
        return Again(wait_s, "retry", wait_s)


async def _claimed(claim: Claim, parts: Parts) -> Again | None:
    namespace, _, name = claim.key.partition("/")
    body = await parts.applications.get(namespace, name)
    if body is None:
        await parts.queue.drop(claim.kind, claim.key)
        return None
    async with claim.held():
        try:
            application = application_of(body)
        except InvalidSpecError as error:
            return await _refuse(unreadable(body), error, claim, parts)
        if application.annotations.get(SKIP_RECONCILE) == "true":
            return None
        if application.deleting:
            return await cascade.remove(application, claim, parts)
        return await deploy(application, claim, parts)


async def deploy(application: Application, claim: Claim, parts: Parts) -> Again | None:
    """Take one application a step nearer to what its sources say now, and record how far it came.

    Waiting is not blocking: an unhealthy wave ends this step, and a mark brings the next. An expected failure
    (StageError) ends the run as failed, once, here.
    """
    work = _Work(application, resumed(application, compare.NOWHERE, claim.token, parts.now()))
    work.together = tuple(filter(None, claim.hints.get("together", "").split(",")))
    try:
        found = await sources.aim(application, claim, parts)
        work.run = resumed(application, found.aim, claim.token, parts.now())
        work.seen = await compare.compare(application, work.run, found, claim, parts)  # fetch, render, observe, plan
        await _carry_out(work, parts)
        if work.run.results and not work.run.resumed:
            measure_push(claim, parts.now())
    except LostClaim:
        raise
    except StageError as error:
        log.warning("run failed", application=application.key, stage=error.stage, error=error.message)
        refusals = refused(work.seen.plan) if work.seen else []
        work.run = work.run.with_results(refusals).failed(error, parts.now())
    await record(work.application, work.run, work.seen, parts)
    return _again(work, parts)


@dataclass(slots=True)
class _Work:
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


async def _carry_out(work: _Work, parts: Parts) -> None:
    """From the plan to the end of this step: nothing at all, a heal, or the sync as far as it can go."""
    compared = work.compared
    wish = intent(work.application, work.run, compared.plan, compared.deployed)
    if wish is Intent.LOOK:
        return
    work.run = work.run.begun(heal=wish is Intent.HEAL)
    compared.plan.require_clean()  # all refusals in one PlanError, before anything is touched
    if work.run.sync_options.get("dryRun") is True:
        work.run = work.run.succeeded(f"dry run: {compared.summary}", parts.now())
        return
    work.application = await record_start(work.application, work.run, compared, parts)
    await _sync(work, parts)


async def _sync(work: _Work, parts: Parts) -> None:
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


def _after_others(step: Next, work: _Work, parts: Parts) -> Next:
    """Pruning waits a while for those that the same push concerns: one may want what this application gives up."""
    deletes = isinstance(step, Prune) and not all(removal.kept or removal.released for removal in step.removals)
    if not deletes or parts.now().since(work.run.started_at) > TOGETHER_S:
        return step
    others = [parts.view.get(key) for key in work.together if key != work.application.key]
    behind = yet_to_look(filter(None, others), work.run.aim)
    return Wait((), f"pruning waits until {named(behind)} looked at the same push") if behind else step


async def _apply(step: Next, work: _Work) -> bool:
    assert isinstance(step, Apply)
    done = await apply.apply(step.changes, work.compared.kube, operation=work.run.id)
    written = [change for change in step.changes if change.id in done]
    work.run = work.run.with_results(applied(written, waits=not work.run.heal))
    work.seen = work.compared.applied(done)
    if done.failures:
        said = "; ".join(f"{target}: {error.message}" for target, error in done.failures.items())
        raise PlanError(f"the cluster refused {said}. Applied before: {len(work.run.changed_ids)} objects")
    return step.look_again or bool(done.moved)


async def _prune(step: Next, work: _Work) -> bool:
    assert isinstance(step, Prune)
    compared, propagation = work.compared, work.application.policy.option("PrunePropagationPolicy")
    problems = await prune.prune(step.removals, compared.kube, compared.rules.owner, propagation)
    work.run = work.run.with_results(pruned(step.removals, problems))
    if problems:
        said = "; ".join(f"{target}: {problem}" for target, problem in problems.items())
        raise PlanError(f"not everything could be pruned: {said}")
    work.seen = compared.pruned(step.removals)
    return False


_Step = Callable[[Next, _Work], Awaitable[bool]]
"""Carries a step out; whether the cluster must be looked at again before the next."""
_STEPS: dict[type, _Step] = {Apply: _apply, Prune: _prune}


async def _failed(message: str, work: _Work) -> StageError:
    """A wave or hook went wrong: hooks for that case run, and those whose policy says so go."""
    await _clean_hooks(work)
    hooks = [change for change in work.compared.failure_hooks if not work.run.heal]
    done = await apply.apply(hooks, work.compared.kube, operation=work.run.id)
    ran = f"; SyncFail hooks run: {len(done)}" if hooks else ""
    return PlanError(f"{message}{ran}. Applied: {len(work.run.changed_ids)} objects")


async def _clean_hooks(work: _Work) -> None:
    for change in hooks_to_delete(work.compared.plan, work.run):
        await apply.delete_hook(change, work.compared.kube)


def _again(work: _Work, parts: Parts) -> Again | None:
    wish = later(work.application, work.run, parts.now())
    if wish is None:
        return None
    revisions = ",".join(work.run.aim.revisions)  # empty: Git could not be asked, so it is asked again
    hints = {"revisions": revisions, "together": ",".join(work.together)}
    return Again(wish.in_s, "retry" if wish.backoff else "wait", wish.in_s if wish.backoff else None, hints=hints)


async def _refuse(application: Application, error: StageError, claim: Claim, parts: Parts) -> Again | None:
    """An Application that says something impossible: told on its status; only a change of it helps."""
    run = resumed(application, compare.NOWHERE, claim.token, parts.now()).failed(error, parts.now())
    await record(application, run, None, parts)
    return None
