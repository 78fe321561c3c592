"""Objects of an Application that is gone and left them behind: they lose the marks of ownership, and stay.

Who it was is told by the mark that the watch leaves when an Application is deleted (`farewell`), since nobody can read
it any more. A deletion that no worker saw leaves the marks: they do no harm, for an owner that is gone counts as none.
"""

from collections.abc import Mapping
from dataclasses import replace

import structlog

from jobs import projects, prune
from jobs.claim import Again, Claim
from jobs.clusters import Reached
from jobs.core.application import KINDS, Application, Destination, unreadable
from jobs.core.errors import Conflict, InvalidSpecError, KubeError
from jobs.core.inventory import Owner, owned_by
from jobs.core.kinds import GroupKind, kinds_of
from jobs.core.objects import manifest_of
from jobs.core.plan import Removal
from jobs.kube import Kube
from jobs.observe import labelled
from jobs.parts import Parts

log = structlog.get_logger()

WAITS_S = (5.0, 30.0, 180.0, 600.0)
"""When to try again while the cluster does not answer, in seconds; then the marks stay."""
MAX_KINDS = 2500
"""Characters of kinds that a mark may carry; of more, all kinds of the cluster are looked through."""
ALL = "*"


def farewell(application: Application) -> dict[str, str]:
    """What must be known of an Application when it is gone, as hints of a mark; empty: it left nothing behind."""
    kinds = application.annotations.get(KINDS, "")
    if not kinds:
        return {}
    destination = application.destination
    return {
        "left": kinds if len(kinds) <= MAX_KINDS else ALL,
        "server": destination.server,
        "name": destination.name,
        "namespace": destination.namespace,
        "project": application.project,
    }


async def release(claim: Claim, parts: Parts) -> Again | None:
    """Take the marks off what an Application that is gone left behind; when to come back, if its cluster is away."""
    hints = claim.hints
    if "left" not in hints:
        return None
    namespace, _, name = claim.key.partition("/")
    owner = Owner(parts.settings.installation, namespace, name)
    try:
        reached = await projects.leave_to_delete(_as_it_was(namespace, name, hints), claim.require, parts)
        count = await _released(owner, hints["left"], reached)
    except (InvalidSpecError, KubeError) as error:
        return _later(claim, error)
    log.info("objects released", application=claim.key, count=count)
    return None


async def _released(owner: Owner, left: str, reached: Reached) -> int:
    """How many objects lost their marks. Raises KubeError when not all could be found or written."""
    kube = reached.kube
    kinds = await _all_kinds(kube) if left == ALL else kinds_of({KINDS: left})
    live, incomplete = await labelled(owner, kinds, {}, kube, reached.cluster.scope, fresh=True)
    ours = [body for body in live.values() if owned_by(body, owner)]
    for body in ours:
        try:
            await prune.release(Removal(manifest_of(body), released=True), kube)
        except Conflict as error:
            raise KubeError(error.message, retry_after_s=1.0) from error
    if incomplete:
        raise KubeError(f"not everything can be listed: {'; '.join(incomplete)}")
    return len(ours)


async def _all_kinds(kube: Kube) -> frozenset[GroupKind]:
    found = (await kube.discovery()).resources.values()
    return frozenset((resource.group, resource.kind) for resource in found if "list" in resource.verbs)


def _as_it_was(namespace: str, name: str, hints: Mapping[str, str]) -> Application:
    """Of the Application that is gone: where its objects are, and what tells as whom they are written."""
    destination = Destination(hints.get("server", ""), hints.get("name", ""), hints.get("namespace", ""))
    gone = unreadable({"metadata": {"namespace": namespace, "name": name}})
    return replace(gone, destination=destination, project=hints.get("project", ""))


def _later(claim: Claim, error: InvalidSpecError | KubeError) -> Again | None:
    """A cluster that nobody knows any more, or that stays away, keeps its objects as they are."""
    tries = int(claim.hints.get("tries") or 0)
    if isinstance(error, InvalidSpecError) or tries >= len(WAITS_S):
        log.warning("objects keep their marks", application=claim.key, error=error.message)
        return None
    hints = {**claim.hints, "tries": str(tries + 1)}
    return Again(WAITS_S[tries], "retry", background=True, hints=hints)
