"""One application, from Git to the cluster: the flow, read top to bottom. This is the page to read first.

One claim is one step of a run: it goes as far as it can, and a run that must wait lets go (design.md, part 3). How each
stage works is in the file of its name; every decision is in core.
"""

from collections.abc import Mapping

import structlog

from jobs import cascade, compare, followed, sources
from jobs.claim import Again, Claim
from jobs.core.application import SKIP_RECONCILE, Application, application_of, unreadable
from jobs.core.errors import Conflict, InvalidSpecError, KubeError, LostClaim, NotFound, StageError
from jobs.core.held import held
from jobs.core.intent import Intent, intent
from jobs.core.outcome import later
from jobs.core.results import refused
from jobs.core.run import resumed
from jobs.core.wanted import wanted
from jobs.parts import Parts
from jobs.record import forget, note_judged, record, record_start
from jobs.release import release
from jobs.sync import Work, leave_former, sync

log = structlog.get_logger()

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
    async with claim.held():
        if body is None:
            await forget(claim, parts)
            return await release(claim, parts)
        try:
            application = wanted(application_of(body))
        except InvalidSpecError as error:
            return await _refuse(unreadable(body), error, claim, parts)
        by_hand = application.annotations.get(SKIP_RECONCILE) == "true"
        if by_hand or await parts.clusters.skips(application.destination):
            return None
        if application.deleting:
            return await cascade.remove(application, claim, parts)
        return await deploy(application, claim, parts)


async def deploy(application: Application, claim: Claim, parts: Parts) -> Again | None:
    """Take one application a step nearer to what its sources say now, and record how far it came.

    Waiting is not blocking: an unhealthy wave ends this step, and a mark brings the next. An expected failure
    (StageError) ends the run as failed, once, here.
    """
    before = resumed(application, compare.NOWHERE, claim.token, parts.now())
    work = Work(application, before, crashed=claim.crashes > 0)
    work.together = tuple(filter(None, claim.hints.get("together", "").split(",")))
    try:
        found = await sources.aim(application, claim, parts)
        before = work.run = resumed(application, found.aim, claim.token, parts.now())
        work.seen = await compare.compare(application, work.run, found, claim, parts)  # fetch, render, observe, plan
        await _carry_out(work, parts)
    except LostClaim:
        raise
    except StageError as error:
        refusals = refused(work.seen.plan) if work.seen else []
        work.run = work.run.with_results(refusals).failed(error, parts.now())
    push = followed.carried(claim, work.run, before, parts.now())
    await record(work.application, work.run, work.seen, parts)
    await note_judged(work.application, work.run, work.seen, parts)
    followed.tell(application, work.run, push)
    return _again(work, push, parts)


async def _carry_out(work: Work, parts: Parts) -> None:
    """From the plan to the end of this step: nothing at all, a heal, or the sync as far as it can go."""
    compared = work.compared
    wish = intent(work.application, work.run, compared.plan, compared.deployed)
    if wish is Intent.LOOK:
        await leave_former(work)
        return
    work.run = held(work.run, compared.plan, compared.rules, parts.now())
    if work.run.held:
        return
    work.run = work.run.begun(heal=wish is Intent.HEAL)
    if not work.run.results:
        compared.plan.require_clean()  # all refusals in one PlanError, before anything is touched
    if work.run.sync_options.get("dryRun") is True:
        work.run = work.run.succeeded(f"dry run: {compared.summary}", parts.now())
        return
    work.application = await record_start(work.application, work.run, compared, parts)
    await sync(work, parts)


def _again(work: Work, push: Mapping[str, str], parts: Parts) -> Again | None:
    wish = later(work.application, work.run, parts.now())
    if wish is None:
        return None
    revisions = ",".join(work.run.aim.revisions)  # empty: Git could not be asked, so it is asked again
    hints = {**push, "revisions": revisions, "together": ",".join(work.together)}
    if wish.backoff:
        return Again(wish.in_s, "retry", wish.in_s, hints=hints)
    # Behind new pushes: who only waits for health must not hold up who has something to apply.
    return Again(wish.in_s, wish.why, background=True, hints=hints)


async def _refuse(application: Application, error: StageError, claim: Claim, parts: Parts) -> Again | None:
    """An Application that says something impossible: told on its status; only a change of it helps."""
    if application.deleting and application.finalizers:
        said = f"{error.message}. It is being deleted: mend it, or drop its finalizers to leave its objects as they are"
        error = InvalidSpecError(said)
    run = resumed(application, compare.NOWHERE, claim.token, parts.now()).failed(error, parts.now())
    await record(application, run, None, parts)
    return None
