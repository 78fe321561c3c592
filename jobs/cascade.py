"""A deleted Application, from its PreDelete hooks until its last finalizer goes: rung by rung of a ladder.

The objects go wave by wave, later waves first: https://argo-cd.readthedocs.io/en/stable/user-guide/app_deletion/
That needs neither Git nor a render; only deletion hooks do, and a broken repository holds them up for a limited time
(Argo CD's defect W13). Which rung comes next, and what goes: core/deletion.py, core/cascade.py.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import structlog

from jobs import compare, projects, prune, sources
from jobs.claim import Again, Claim
from jobs.clusters import Reached
from jobs.core.announce import Announcement
from jobs.core.application import DELETION_APPROVED, Application, application_of
from jobs.core.cascade import hooks_of, removals_of, still_there
from jobs.core.deadline import Limits, limits_of
from jobs.core.deletion import PROPAGATION, Rung, Stage, deletion_run, rungs
from jobs.core.errors import (
    Conflict,
    DeletionError,
    InvalidSpecError,
    KubeError,
    LostClaim,
    StageError,
    Unauthorized,
    UnknownCluster,
    Unreachable,
)
from jobs.core.inventory import Owner
from jobs.core.kinds import kinds_of
from jobs.core.order import Phase
from jobs.core.outcome import later
from jobs.core.plan import Plan, Removal
from jobs.core.run import OperationPhase
from jobs.observe import labelled
from jobs.parts import Parts
from jobs.record import record_deletion, record_start
from jobs.sync import Work, sync

log = structlog.get_logger()

LOOK_AGAIN_S = 1.0
"""Seconds until another look after somebody else changed the Application."""
FIRST_TRY_S = 5.0
"""Seconds until the first new try of what failed; then a quarter of the time that passed, at most the longest retry."""


async def remove(application: Application, claim: Claim, parts: Parts) -> Again | None:
    """Take a deleted Application as far as it can go now; wait by letting go until no finalizer of ours is left."""
    work = Work(application, deletion_run(application, claim.token, parts.now()))
    rung = None
    try:
        while left := rungs(work.application.finalizers):
            rung = left[0]
            if not await _STAGES[rung.stage](rung, work, claim, parts):
                return await _let_go(work, parts)
            await _climb(rung, work, parts)
    except LostClaim:
        raise
    except Conflict:
        return Again(in_s=LOOK_AGAIN_S, why="retry")
    except UnknownCluster as error:
        await _give_up(work, error, parts)
    except StageError as error:
        return await _failed(work, rung, error, parts)
    if rung is not None:
        log.info("application removed", application=application.key)
    return None


async def _climb(rung: Rung, work: Work, parts: Parts) -> None:
    """Let a finalizer go. After the cascade nothing is left to look for; that must be told before the end is."""
    if rung.stage is Stage.CASCADE:
        work.application = await parts.applications.forget_kinds(work.application)
    body = await parts.applications.drop_finalizers(work.application, [rung.finalizer])
    work.application = application_of(body) if body else replace(work.application, finalizers=())


async def _cascade(rung: Rung, work: Work, claim: Claim, parts: Parts) -> bool:
    """Delete wave after wave; whether everything is gone, what is kept on purpose not counted."""
    application = work.application
    reached = await projects.leave_to_delete(application, claim.require, parts)
    kube, owner = reached.kube, _owner(application, parts)
    confirmed = bool(application.annotations.get(DELETION_APPROVED))
    live = await _live(application, reached, parts)
    found = removals_of(live, owner, application.policy.option("Delete"), confirmed=confirmed)
    if found.unconfirmed:
        raise DeletionError(
            f"deletion waits for the annotation {DELETION_APPROVED} on the Application: "
            f"{', '.join(map(str, found.unconfirmed))} ask for it"
        )
    done = await prune.prune((*found.released, *found.due), kube, owner, PROPAGATION[rung.finalizer])
    if done.problems:
        raise KubeError("; ".join(f"{target}: {problem}" for target, problem in done.problems.items()))
    _wait_for(found.left, work, parts)
    return not found.left


def _wait_for(left: tuple[Removal, ...], work: Work, parts: Parts) -> None:
    """Say what is waited for; a deletion that takes too long says what holds it, and goes on waiting."""
    said = f"deleting: {len(left)} objects are still there"
    work.run = work.run.waiting(said, Phase.SYNC, parts.now())
    late = _limits(work.application, parts).overdue(_NOTHING, work.run, parts.now(), said)
    if left and late:
        work.run = replace(work.run, error=DeletionError(f"{said}: {still_there(left)}"))


async def _hooks(rung: Rung, work: Work, claim: Claim, parts: Parts) -> bool:
    """Run the hooks of a phase, in waves; whether all ended well. Raises PlanError when one did not."""
    assert rung.phase is not None
    known = any(result.sync_phase == rung.phase for result in work.run.results.values())
    try:
        found = await sources.aim_deployed(work.application, parts)
        work.seen = await compare.compare(work.application, work.run, found, claim, parts, deletion=rung.phase)
        if not known:
            work.seen.plan.require_clean()
    except (KubeError, LostClaim, UnknownCluster):
        raise
    except StageError as error:
        return _without_hooks(rung.phase, work, error, parts)
    work.application = await record_start(work.application, work.run, work.seen, parts)
    await sync(work, parts)
    over = work.run.phase is OperationPhase.SUCCEEDED
    work.run = replace(work.run.begun(heal=False), finished_at=None)
    return over


def _without_hooks(phase: Phase, work: Work, error: StageError, parts: Parts) -> bool:
    """Hooks that can't be had from Git hold the Application up for their phase's time, then it goes without them."""
    work.run = work.run.waiting(f"deleting: {phase} hooks can't be had", phase, parts.now())
    limits = _limits(work.application, parts)
    limit_s, source = limits.of(phase, _NOTHING)
    if not limits.overdue(_NOTHING, work.run, parts.now(), ""):
        raise DeletionError(
            f"{phase} hooks can't be had: {error.message}. The Application goes without them {limit_s:g} s ({source}) "
            "after the first try"
        )
    said = f"the Application goes without its {phase} hooks: {error.message}"
    parts.events.tell(work.application, (Announcement("Warning", "DeletionHooksSkipped", said),))
    log.warning("deletion hooks skipped", application=work.application.key, phase=str(phase), error=error.message)
    return True


async def _cleanup(rung: Rung, work: Work, claim: Claim, parts: Parts) -> bool:
    """What is left of a phase's hooks: some go by their policy, the others stay without our marks."""
    assert rung.phase is not None
    reached = await projects.leave_to_delete(work.application, claim.require, parts)
    kube = reached.kube
    hooks = hooks_of(await _live(work.application, reached, parts), _owner(work.application, parts), rung.phase)
    problems = await prune.terminate([hook for hook in hooks if hook.goes], kube)
    for hook in hooks:
        if not hook.goes and not hook.leaving:
            await prune.release(Removal(hook.manifest, released=True), kube)
    if problems:
        raise KubeError("; ".join(f"{target}: {problem}" for target, problem in problems.items()))
    return True


async def _let_go(work: Work, parts: Parts) -> Again:
    """Wait without a claim."""
    await record_deletion(work.application, work.run, parts)
    wish = later(work.application, replace(work.run, error=None), parts.now())
    return Again(in_s=wish.in_s if wish else LOOK_AGAIN_S)


async def _failed(work: Work, rung: Rung | None, error: StageError, parts: Parts) -> Again:
    """Tell what went wrong and how to do without it. A hook that failed begins anew, everything else goes on."""
    log.warning("deletion failed", application=work.application.key, error=error.message)
    finalizer = rung.finalizer if rung else ""
    said = f"{error.message}. To let the Application go without this, take its finalizer {finalizer} away"
    if isinstance(error, Unreachable | Unauthorized) and not work.application.destination.is_home:
        said += "; if the cluster is gone for good, remove its Secret"
    run, told = work.run, DeletionError(said)
    if rung and rung.stage is Stage.HOOKS and not isinstance(error, DeletionError | KubeError):
        run = run.failed(told, parts.now())
    await record_deletion(work.application, replace(run, error=told, message=said), parts)
    passed_s = max(0.0, parts.now().since(work.run.started_at))
    wait_s = min(work.application.policy.retry.max_duration_s, max(FIRST_TRY_S, passed_s / 4))
    return Again(wait_s, "retry", wait_s)


async def _give_up(work: Work, error: UnknownCluster, parts: Parts) -> None:
    """No Secret describes the cluster any more, so nobody can be asked to delete anything there. As Argo CD does it."""
    said = f"{error.message}. The Application goes without its objects there being deleted"
    parts.events.tell(work.application, (Announcement("Warning", "DestinationGone", said),))
    log.warning("deletion without its cluster", application=work.application.key, error=error.message)
    ours = [rung.finalizer for rung in rungs(work.application.finalizers)]
    work.application = await parts.applications.forget_kinds(work.application)
    await parts.applications.drop_finalizers(work.application, ours)


async def _live(application: Application, reached: Reached, parts: Parts) -> list[dict[str, Any]]:
    """Everything that carries the label. Raises KubeError when not everything can be listed."""
    owner, kinds = _owner(application, parts), kinds_of(application.annotations)
    live, incomplete = await labelled(owner, kinds, {}, reached.kube, reached.cluster.scope, fresh=True)
    if incomplete:
        raise KubeError(f"not everything that is to be deleted can be listed: {'; '.join(incomplete)}")
    return list(live.values())


def _owner(application: Application, parts: Parts) -> Owner:
    return Owner(parts.settings.installation, application.namespace, application.name)


def _limits(application: Application, parts: Parts) -> Limits:
    """An annotation that makes no sense must not keep the Application from going."""
    try:
        return limits_of(application.annotations, parts.settings.wave_timeout_s)
    except InvalidSpecError:
        return Limits(parts.settings.wave_timeout_s)


_NOTHING = Plan((), ())
_STAGES: dict[Stage, Callable[[Rung, Work, Claim, Parts], Awaitable[bool]]] = {
    Stage.HOOKS: _hooks,
    Stage.CASCADE: _cascade,
    Stage.CLEANUP: _cleanup,
}
"""Does what a finalizer stands for; whether it may go now."""
