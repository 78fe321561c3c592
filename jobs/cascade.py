"""A deleted Application: its objects go too if its finalizer says so, the last applied first; then it may go itself.

No rendering and no Git: a broken repository must not keep an Application from going (Argo CD's defect W13).
https://argo-cd.readthedocs.io/en/stable/user-guide/app_deletion/
"""

import structlog

from jobs import prune
from jobs.claim import Again, Claim
from jobs.compare import NOWHERE
from jobs.core.application import DELETION_APPROVED, Application
from jobs.core.cascade import finalizer_of, removals_of
from jobs.core.errors import Conflict, KubeError, LostClaim, PlanError, StageError
from jobs.core.inventory import Owner
from jobs.core.kinds import kinds_of
from jobs.core.run import resumed
from jobs.observe import labelled
from jobs.parts import Parts
from jobs.record import record

log = structlog.get_logger()

LOOK_AGAIN_S = 1.0
"""Seconds between looks at objects that are on their way out."""


async def remove(application: Application, claim: Claim, parts: Parts) -> Again | None:
    """Delete what the Application owns, wait by letting go until it is gone, then drop the finalizer."""
    finalizer, propagation = finalizer_of(application.finalizers)
    if not finalizer:
        return None
    try:
        left = await _delete_owned(application, claim, parts, propagation)
        if left:
            return Again(in_s=LOOK_AGAIN_S)
        await parts.applications.drop_finalizer(application, finalizer)
    except LostClaim:
        raise
    except Conflict:
        return Again(in_s=LOOK_AGAIN_S, why="retry")
    except StageError as error:
        log.warning("deletion failed", application=application.key, error=error.message)
        run = resumed(application, NOWHERE, claim.token, parts.now()).failed(error, parts.now())
        await record(application, run, None, parts)
        return Again(in_s=None, not_before_s=application.policy.retry.max_duration_s)
    log.info("application removed", application=application.key)
    return None


async def _delete_owned(application: Application, claim: Claim, parts: Parts, propagation: str) -> int:
    """Begin to delete everything that is owned; how many objects are still there, those kept on purpose not counted."""
    owner = Owner(parts.settings.installation, application.namespace, application.name)
    cluster = await parts.clusters.at(application.destination, application.project)
    kube = cluster.fenced(claim.require)
    live, incomplete = await labelled(owner, kinds_of(application.annotations), {}, kube)
    if incomplete:
        raise KubeError(f"not everything that is to be deleted can be listed: {'; '.join(incomplete)}")
    confirmed = bool(application.annotations.get(DELETION_APPROVED))
    found = removals_of(live.values(), owner, application.policy.option("Delete"), confirmed=confirmed)
    if found.unconfirmed:
        raise PlanError(
            f"deletion waits for the annotation {DELETION_APPROVED} on the Application: "
            f"{', '.join(map(str, found.unconfirmed))} ask for it"
        )
    problems = (await prune.prune(found.due, kube, owner, propagation)).problems
    if problems:
        raise KubeError("; ".join(f"{target}: {problem}" for target, problem in problems.items()))
    for removal in found.released:
        await prune.release(removal, kube)
    return found.left
