"""One application, from Git to the cluster: the flow, read top to bottom. This is the page to read first.

One claim is one step of a run: it goes as far as it can, and a run that must wait lets go (design.md, part 3). How each
stage works is in the file of its name; every decision is in core.
"""

from collections.abc import Awaitable, Callable

import structlog

from jobs import apply, cascade, compare, prune, sources
from jobs.claim import Again, Claim
from jobs.compare import Compared
from jobs.core.application import SKIP_RECONCILE, Application, application_of, unreadable
from jobs.core.errors import Conflict, InvalidSpecError, LostClaim, NotFound, PlanError, StageError
from jobs.core.intent import Intent, intent
from jobs.core.outcome import later
from jobs.core.progress import Apply, Fail, Finish, Next, Prune, Wait, hooks_to_delete, next_step, unsettled
from jobs.core.run import Run, applied, pruned, refused, resumed
from jobs.parts import Parts
from jobs.record import measure_push, record, record_start

log = structlog.get_logger()

MOVED_LIMIT = 4
"""How often a run looks again because objects changed under its hands, before it gives up for now."""


async def deploy_claim(claim: Claim, parts: Parts) -> Again | None:
    """Work on a claimed application; when to come back. LostClaim and bugs go up: then DONE is never said."""
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
    run = resumed(application, compare.NOWHERE, claim.token, parts.now())
    compared: Compared | None = None
    try:
        found = await sources.aim(application, claim, parts)
        run = resumed(application, found.aim, claim.token, parts.now())
        compared = await compare.compare(application, run, found, claim, parts)  # fetch, render, observe, plan
        run, compared, application = await _carry_out(application, run, compared, parts)
        if run.results and not run.resumed:
            measure_push(claim, parts.now())
    except LostClaim:
        raise
    except StageError as error:
        log.warning("run failed", application=application.key, stage=error.stage, error=error.message)
        run = run.with_results(refused(compared.plan) if compared else []).failed(error, parts.now())
    try:
        await record(application, run, compared, parts)
    except (Conflict, NotFound):
        # Somebody else wrote the status, or the Application is gone: whoever looks next knows better.
        return Again(why="retry")
    return _again(application, run, parts)


async def _carry_out(
    application: Application, run: Run, compared: Compared, parts: Parts
) -> tuple[Run, Compared, Application]:
    """From the plan to the end of this step: nothing at all, a heal, or the sync as far as it can go."""
    wish = intent(application, run, compared.plan, compared.deployed)
    if wish is Intent.LOOK:
        return run, compared, application
    run = run.begun(heal=wish is Intent.HEAL)
    compared.plan.require_clean()  # all refusals in one PlanError, before anything is touched
    if run.sync_options.get("dryRun") is True:
        return run.succeeded(f"dry run: {compared.summary}", parts.now()), compared, application
    application = await record_start(application, run, compared, parts)
    run, compared = await _sync(application, run, compared, parts)
    return run, compared, application


async def _sync(application: Application, run: Run, compared: Compared, parts: Parts) -> tuple[Run, Compared]:
    """Apply wave after wave while each is healthy, prune, and end; or stop where it must wait."""
    moved = 0
    while True:
        run = run.with_results(unsettled(compared.plan, run))
        step = next_step(compared.plan, run)
        if isinstance(step, Finish):
            await _clean_hooks(run, compared)
            return run.succeeded(f"synced to {compared.where}", parts.now()), compared
        if isinstance(step, Fail):
            raise await _failed(step.message, run, compared)
        if isinstance(step, Wait):
            compare.require_in_time(run, compared, step.message, parts)
            return run.waiting(step.message), compared
        before = len(run.results)
        run, compared, again = await _STEPS[type(step)](step, application, run, compared)
        compare.learn(compared.plan, compared.kube, parts)
        moved += again and len(run.results) == before
        if moved >= MOVED_LIMIT:
            raise PlanError("objects keep changing while they are applied: who else writes them?", refusals=())
        if again:
            compared = await compare.again(compared, run, parts)


async def _apply(step: Next, application: Application, run: Run, compared: Compared) -> tuple[Run, Compared, bool]:
    assert isinstance(step, Apply)
    done = await apply.apply(step.changes, compared.kube, operation=run.id)
    written = [change for change in step.changes if change.id in done]
    run = run.with_results(applied(written, waits=not run.heal))
    compared = compared.applied(done)
    if done.failures:
        said = "; ".join(f"{target}: {error.message}" for target, error in done.failures.items())
        raise PlanError(f"the cluster refused {said}. Applied before: {len(run.changed_ids)} objects")
    return run, compared, step.look_again or bool(done.moved)


async def _prune(step: Next, application: Application, run: Run, compared: Compared) -> tuple[Run, Compared, bool]:
    assert isinstance(step, Prune)
    propagation = application.policy.option("PrunePropagationPolicy")
    problems = await prune.prune(step.removals, compared.kube, compared.rules.owner, propagation)
    run = run.with_results(pruned(step.removals, problems))
    if problems:
        said = "; ".join(f"{target}: {problem}" for target, problem in problems.items())
        raise PlanError(f"not everything could be pruned: {said}")
    return run, compared.pruned(step.removals), False


_Step = Callable[[Next, Application, Run, Compared], Awaitable[tuple[Run, Compared, bool]]]
_STEPS: dict[type, _Step] = {Apply: _apply, Prune: _prune}


async def _failed(message: str, run: Run, compared: Compared) -> StageError:
    """A wave or hook went wrong: hooks for that case run, and those whose policy says so go."""
    await _clean_hooks(run, compared)
    hooks = [change for change in compared.failure_hooks if not run.heal]
    done = await apply.apply(hooks, compared.kube, operation=run.id)
    ran = f"; SyncFail hooks run: {len(done)}" if hooks else ""
    return PlanError(f"{message}{ran}. Applied: {len(run.changed_ids)} objects")


async def _clean_hooks(run: Run, compared: Compared) -> None:
    for change in hooks_to_delete(compared.plan, run):
        await apply.delete_hook(change, compared.kube)


def _again(application: Application, run: Run, parts: Parts) -> Again | None:
    wish = later(application, run, parts.now())
    if wish is None:
        return None
    hints = {"revisions": ",".join(run.aim.revisions)} if run.aim.revisions else {}
    return Again(wish.in_s, "retry" if wish.backoff else "wait", wish.in_s if wish.backoff else None, hints=hints)


async def _refuse(application: Application, error: StageError, claim: Claim, parts: Parts) -> Again | None:
    """An Application that says something impossible: told on its status; only a change of it helps."""
    run = resumed(application, compare.NOWHERE, claim.token, parts.now()).failed(error, parts.now())
    try:
        await record(application, run, None, parts)
    except (Conflict, NotFound):
        return Again(why="retry")
    return None
